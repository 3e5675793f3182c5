{#-
    Scores side by side: one row per run and subject, or per run where `is_of_runs`. `head` is the score
    whose interval, floor and note stand there too; `others` are values only.
-#}
{% macro wide_scores(head, others, is_of_runs=false) %}
    select
        run_id,
        dataset,
        {%- if not is_of_runs %}
        subject,
        {%- endif %}
        max(value) filter (where score_name = '{{ head }}') as score,
        max(low) filter (where score_name = '{{ head }}') as score_low,
        max(high) filter (where score_name = '{{ head }}') as score_high,
        max(floor) filter (where score_name = '{{ head }}') as floor,
        max(note) filter (where score_name = '{{ head }}') as note,
        {%- for name in others %}
        max(value) filter (where score_name = '{{ name }}') as {{ name }},
        {%- endfor %}

    from {{ ref('scores') }}
    where
        subject is {{ '' if is_of_runs else 'not ' }}null
        and score_name in ('{{ ([head] + others) | join("', '") }}')
    group by all
{% endmacro %}
