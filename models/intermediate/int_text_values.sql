{% for dataset in var('datasets') %}
select * from (
    {{ text_values(dataset) }}
)
{{ 'union all' if not loop.last }}
{% endfor %}
