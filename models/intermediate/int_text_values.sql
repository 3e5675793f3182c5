{% for dataset in var('datasets') %}
(
    {{ text_values(dataset) }}
)
{{ 'union all' if not loop.last }}
{% endfor %}
