{#- Creates the raw tables that do not exist yet, so that `dbt build` works before anything was landed. -#}
{% macro create_raw_tables() %}
    {% if execute %}
        {% do run_query('create schema if not exists raw') %}

        {% for table in graph.sources.values() if table.source_name == 'raw' and table.columns %}
            {% set columns = [] %}
            {% for column in table.columns.values() %}
                {% set key = ' primary key' if column.constraints else '' %}
                {% do columns.append(column.name ~ ' ' ~ column.data_type ~ key) %}
            {% endfor %}
            {% do run_query(
                'create table if not exists raw.' ~ table.identifier ~ ' (' ~ columns | join(', ') ~ ')'
            ) %}
        {% endfor %}

        {% for dataset in var('datasets') %}
            {% set columns = [] %}
            {% for label in file_labels(dataset) %}
                {% do columns.append('"' ~ label ~ '" varchar') %}
            {% endfor %}
            {% do run_query(
                'create table if not exists raw.reference_' ~ dataset ~ ' (' ~ columns | join(', ') ~ ')'
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
