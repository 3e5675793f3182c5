{#-
    The contract as SQL sees it. `model` is the mart that carries it. dbt fills `graph` only when it
    executes, so while it parses these return nothing; unit tests, which have no graph, override
    `contract_model`.
-#}

{% macro contract_model(model) %}
    {% set node = graph.get('nodes', {}).get('model.' ~ project_name ~ '.' ~ model, {}) %}
    {% do return({
        'columns': node.get('columns', {}).values() | list,
        'meta': node.get('config', {}).get('meta', {}),
    }) %}
{% endmacro %}

{#- Columns that an LLM writes: name, data_type and everything under `config.meta`, in order. -#}
{% macro contract_columns(model) %}
    {% set found = [] %}
    {% for column in contract_model(model)['columns'] if column.get('config', {}).get('meta', {}).get('kind') %}
        {% do found.append(dict(column['config']['meta'], name=column['name'], data_type=column['data_type'])) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}

{#- Predicates over typed columns that every row must fulfil: name, holds, sentence. -#}
{% macro contract_rules(model) %}
    {% do return(contract_model(model)['meta'].get('rules', [])) %}
{% endmacro %}

{#- Values that go together: name, sentence, given (a column), column, and for values of `given`, those of it. -#}
{% macro contract_plausible_pairs(model) %}
    {% do return(contract_model(model)['meta'].get('plausible_pairs', [])) %}
{% endmacro %}

{#- Integer columns computed from typed ones, scored like the others: name, sql. -#}
{% macro contract_derived(model) %}
    {% do return(contract_model(model)['meta'].get('derived', [])) %}
{% endmacro %}

{#- Columns in which duplicates of one real row differ; a split must not separate those rows. -#}
{% macro contract_left_out_of_duplicates(model) %}
    {% do return(contract_model(model)['meta'].get('reference', {}).get('left_out_of_duplicates', [])) %}
{% endmacro %}

{% macro sql_text(value) %}
    {%- do return("'" ~ (value | string | replace("'", "''")) ~ "'") -%}
{% endmacro %}

{#- A select of every dataset with the labels of its columns, in the order of the contract. -#}
{% macro contract_labels() %}
    {% for dataset in var('datasets') %}
    select
        {{ sql_text(dataset) }} as dataset,
        [
            {%- for column in contract_columns(dataset) %}{{ sql_text(column.label) }}, {% endfor -%}
        ] as labels,
    {% if not loop.last %} union all {% endif %}
    {% endfor %}
{% endmacro %}
