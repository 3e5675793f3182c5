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
        'constraints': node.get('constraints', []),
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

{#- Constraints of a type, of the model and of its columns: columns, to (a model) and to_columns. -#}
{% macro contract_constraints(model, type) %}
    {% set found = [] %}
    {% set contract = contract_model(model) %}
    {% for constraint in contract.get('constraints', []) if constraint.type == type %}
        {% do found.append(constraint) %}
    {% endfor %}
    {% for column in contract['columns'] %}
        {% for constraint in column.get('constraints', []) if constraint.type == type %}
            {% do found.append(dict(constraint, columns=[column.name])) %}
        {% endfor %}
    {% endfor %}
    {% set plain = [] %}
    {% for constraint in found %}
        {# dbt writes the whole name of the relation in place of the ref. #}
        {% do plain.append({
            'columns': constraint['columns'],
            'to': modules.re.findall('\\w+', constraint.to)[-1] if constraint.get('to') else none,
            'to_columns': constraint.get('to_columns', []),
        }) %}
    {% endfor %}
    {% do return(plain) %}
{% endmacro %}

{#- Columns that tell the rows of a model apart; none where it has no key. -#}
{% macro contract_key(model) %}
    {% set keys = contract_constraints(model, 'primary_key') %}
    {% do return(keys[0]['columns'] if keys else []) %}
{% endmacro %}

{#- What the rows of a model belong to first: columns, to and to_columns; none where they belong to nothing. -#}
{% macro contract_parent(model) %}
    {% set parents = contract_constraints(model, 'foreign_key') %}
    {% do return(parents[0] if parents else none) %}
{% endmacro %}

{#- What `meta.children` says of a model that has a parent. -#}
{% macro contract_children(model) %}
    {% do return(contract_model(model)['meta'].get('children', {})) %}
{% endmacro %}

{#- Columns that no LLM writes, in order: name, label; the key, those of foreign keys, what gives the order. -#}
{% macro key_columns(model) %}
    {% set names = contract_key(model) | list %}
    {% for parent in contract_constraints(model, 'foreign_key') %}
        {% do names.extend(parent['columns']) %}
    {% endfor %}
    {% do names.append(contract_children(model).get('order')) %}
    {% set found = [] %}
    {% for column in contract_model(model)['columns'] %}
        {% set meta = column.get('config', {}).get('meta', {}) %}
        {% if column.name in names and not meta.get('kind') %}
            {% do found.append({
                'name': column.name,
                'label': meta.get('label', column.name),
                'data_type': column.data_type,
            }) %}
        {% endif %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}

{#- Labels of the columns that the real file must have: those of the contract, its keys, and the group. -#}
{% macro file_labels(model) %}
    {% set found = contract_columns(model) | map(attribute='label') | list %}
    {% for label in key_columns(model) | map(attribute='label') | list + [contract_group(model)] %}
        {% if label is not none and label not in found %}
            {% do found.append(label) %}
        {% endif %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}

{% macro sql_text(value) %}
    {%- do return("'" ~ (value | string | replace("'", "''")) ~ "'") -%}
{% endmacro %}

{#- SQL of a list of texts. -#}
{% macro sql_list(texts) -%}
    cast([{% for text in texts %}{{ sql_text(text) }}{{ ', ' if not loop.last }}{% endfor %}] as varchar[])
{%- endmacro %}
