{#- Creates the raw tables that do not exist yet, so that `dbt build` works before anything was landed,
    and adds the columns that those of an older version lack. -#}
{% macro create_raw_tables() %}
    {% if execute %}
        {% do run_query('create schema if not exists raw') %}

        {% set columns_there = run_query(
            "select table_name || '.' || column_name from duckdb_columns() where schema_name = 'raw'"
        ).columns[0].values() %}

        {% for table in graph.sources.values() if table.source_name == 'raw' and table.columns %}
            {% set columns = [] %}
            {% for column in table.columns.values() %}
                {% set key = ' primary key' if column.constraints else '' %}
                {% do columns.append(column.name ~ ' ' ~ column.data_type ~ key) %}
            {% endfor %}
            {% do run_query(
                'create table if not exists raw.' ~ table.identifier ~ ' (' ~ columns | join(', ') ~ ')'
            ) %}
            {% for column in table.columns.values() %}
                {% set is_new = table.identifier ~ '.' ~ column.name not in columns_there %}
                {% if is_new and not column.constraints %}
                    {% do run_query(
                        'alter table raw.' ~ table.identifier ~ ' add column if not exists '
                        ~ column.name ~ ' ' ~ column.data_type
                    ) %}
                {% endif %}
            {% endfor %}
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
