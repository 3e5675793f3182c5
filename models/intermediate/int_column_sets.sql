{% for dataset in var('datasets') %}
{{ column_set_rows(dataset) }}
{{ 'union all' if not loop.last }}
{% endfor %}
