{% for dataset in var('datasets') %}
(
    {{ identifier_texts(dataset) }}
)
{{ 'union all' if not loop.last }}
{% endfor %}
