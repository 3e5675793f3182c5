with scores as (

    select * from {{ ref('scores') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

{% set names = [
    'correlation', 'reference_correlation', 'mutual_information', 'reference_mutual_information'
] -%}

by_pair as (

    select
        run_id,
        dataset,
        subject,
        max(value) filter (where score_name = 'pair_fidelity') as score,
        max(low) filter (where score_name = 'pair_fidelity') as score_low,
        max(high) filter (where score_name = 'pair_fidelity') as score_high,
        max(floor) filter (where score_name = 'pair_fidelity') as floor,
        {%- for name in names %}
        max(value) filter (where score_name = '{{ name }}') as {{ name }},
        {%- endfor %}

    from scores
    where contains(subject, ', ')
    group by run_id, dataset, subject

),

final as (

    select
        ---------- ids
        by_pair.run_id,
        by_pair.dataset,
        split_part(by_pair.subject, ', ', 1) as column_1,
        split_part(by_pair.subject, ', ', 2) as column_2,

        ---------- the score
        runs.rows_accepted as rows_compared,
        by_pair.score * (1 - by_pair.floor) as contingency_similarity,
        1 - by_pair.floor as expected_similarity,
        by_pair.score,
        by_pair.score_low,
        by_pair.score_high,

        ---------- two numbers
        by_pair.correlation,
        by_pair.reference_correlation,
        1 - abs(by_pair.correlation - by_pair.reference_correlation) / 2 as correlation_similarity,

        ---------- any two columns
        by_pair.mutual_information,
        by_pair.reference_mutual_information,

    from by_pair
    inner join runs on by_pair.run_id = runs.run_id

)

select * from final
