{% for dataset in var('datasets') %}
(
    {{ block_cells(dataset) }}
)
{{ 'union all' if not loop.last }}
{% endfor %}
