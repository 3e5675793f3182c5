{% for dataset in var('datasets') %}
{{ written_values(dataset) }}
{{ 'union all' if not loop.last }}
{% endfor %}
