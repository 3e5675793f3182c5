{% for dataset in var('datasets') %}
(
    {{ copied_rows(dataset) }}
)
{{ 'union all' if not loop.last }}
{% endfor %}
