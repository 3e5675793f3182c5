{% for dataset in var('datasets') %}
{{ scored_values(dataset, ref(dataset), 'run_id, record_id') }}
{{ 'union all' if not loop.last }}
{% endfor %}
