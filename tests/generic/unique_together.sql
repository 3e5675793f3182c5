{#- No two rows have the same values in all of these columns. -#}
{% test unique_together(model, columns) %}
    select
        {{ columns | join(', ') }},
        count(*) as row_count,
    from {{ model }}
    group by all
    having count(*) > 1
{% endtest %}
