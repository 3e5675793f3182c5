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

{#-
    Columns computed from typed ones, scored like the others: name, sql, and kind with accepted_values
    where they are no integers.
-#}
{% macro contract_derived(model) %}
    {% do return(contract_model(model)['meta'].get('derived', [])) %}
{% endmacro %}

{#- Columns in which duplicates of one real row differ; a split must not separate those rows. -#}
{% macro contract_left_out_of_duplicates(model) %}
    {% do return(contract_model(model)['meta'].get('reference', {}).get('left_out_of_duplicates', [])) %}
{% endmacro %}

{#- The column of the real file whose rows of one value stay together in a split; none where there is none. -#}
{% macro contract_group(model) %}
    {% do return(contract_model(model)['meta'].get('reference', {}).get('group')) %}
{% endmacro %}

{#- Labels of the columns that the real file must have: those of the contract, and the group. -#}
{% macro file_labels(model) %}
    {% set found = contract_columns(model) | map(attribute='label') | list %}
    {% set group = contract_group(model) %}
    {% do return(found if group is none or group in found else found + [group]) %}
{% endmacro %}

{% macro sql_text(value) %}
    {%- do return("'" ~ (value | string | replace("'", "''")) ~ "'") -%}
{% endmacro %}
