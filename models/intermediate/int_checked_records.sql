{% for dataset in var('datasets') %}
(
    {{ checked_records(dataset) }}
)
{{ 'union all' if not loop.last }}
{% endfor %}
