{% for dataset in var('datasets') %}
{{ correlations(dataset) }}
{{ 'union all' if not loop.last }}
{% endfor %}
