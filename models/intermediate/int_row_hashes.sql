{% for dataset in var('datasets') %}
(
    {{ hashed_rows(dataset) }}
)
{{ 'union all' if not loop.last }}
{% endfor %}
