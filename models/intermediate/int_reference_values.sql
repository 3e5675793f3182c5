{% for dataset in var('datasets') %}
{{ scored_values(dataset, ref('stg_reference_' ~ dataset), 'row_number', 'not is_holdout') }}
{{ 'union all' if not loop.last }}
{% endfor %}
