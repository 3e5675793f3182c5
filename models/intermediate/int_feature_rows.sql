{% for dataset in var('datasets') %}
(
    {{ feature_rows(dataset) }}
)
{{ 'union all' if not loop.last }}
{% endfor %}
