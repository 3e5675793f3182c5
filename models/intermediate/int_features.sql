{% for dataset in var('datasets') %}
(
    {{ feature_names(dataset) }}
)
{{ 'union all' if not loop.last }}
{% endfor %}
