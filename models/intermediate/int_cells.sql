{% for dataset in var('datasets') %}
{{ cells(dataset) }}
{{ 'union all' if not loop.last }}
{% endfor %}
