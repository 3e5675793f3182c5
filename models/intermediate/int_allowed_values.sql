{% for dataset in var('datasets') %}
(
    {{ allowed_values(dataset) }}
)
{{ 'union all' if not loop.last }}
{% endfor %}
