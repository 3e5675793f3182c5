{% for dataset in var('datasets') %}
{{ scored_column_rows(dataset) }}
{{ 'union all' if not loop.last }}
{% endfor %}
