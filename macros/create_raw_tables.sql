{#- Creates the raw tables that do not exist yet, so that `dbt build` works before anything was landed,
    and adds the columns that those of an older version lack. -#}
{% macro create_raw_tables() %}
    {% if execute %}
        {% do run_query('create schema if not exists raw') %}
        {% do run_query('create sequence if not exists raw.landing_order') %}

        {% set columns_there = run_query(
            "select table_name || '.' || column_name from duckdb_columns() where schema_name = 'raw'"
        ).columns[0].values() %}

        {% for table in graph.sources.values() if table.source_name == 'raw' and table.columns %}
            {% set columns = [] %}
            {% set key = [] %}
            {% for column in table.columns.values() %}
                {% do columns.append(column.name ~ ' ' ~ column.data_type) %}
                {% do key.append(column.name) if column.constraints %}
            {% endfor %}
            {% do columns.append('primary key (' ~ key | join(', ') ~ ')') %}
            {% do run_query(
                'create table if not exists raw.' ~ table.identifier ~ ' (' ~ columns | join(', ') ~ ')'
            ) %}
            {% set changes = [] %}
            {% for column in table.columns.values() %}
                {% set is_new = table.identifier ~ '.' ~ column.name not in columns_there %}
                {% if is_new and not column.constraints %}
                    {% do changes.append(
                        'alter table raw.' ~ table.identifier ~ ' add column if not exists '
                        ~ column.name ~ ' ' ~ column.data_type
                    ) %}
                {% endif %}
            {% endfor %}
            {# Of an older warehouse, in which a run was of one dataset. Its key of raw.llm_runs, on which
               loading alone depends, is renewed before that: see generators/warehouse/database.py. #}
            {% if table.identifier == 'llm_responses' and 'llm_responses.dataset' not in columns_there %}
                {% do changes.append(
                    'update raw.llm_responses set dataset = llm_runs.dataset from raw.llm_runs'
                    ~ ' where llm_responses.run_id = llm_runs.run_id'
                ) %}
            {% endif %}
            {% if changes %}
                {% do run_query('begin; ' ~ changes | join('; ') ~ '; commit') %}
            {% endif %}
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
