{% for dataset in var('datasets') %}
{{ coded_lists(dataset) }}
{{ 'union all' if not loop.last }}
{% endfor %}
