with scores as (

    {{ wide_scores('missingness', ['missing_share', 'reference_missing_share']) }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

final as (

    select
        ---------- ids
        scores.run_id,
        scores.dataset,
        scores.subject as column_name,

        ---------- the score
        runs.rows_counted as rows_compared,
        scores.score,
        scores.score_low,
        scores.score_high,

        ---------- what it is made of
        scores.missing_share,
        scores.reference_missing_share,
        1 - scores.score * (1 - scores.floor) as distance,
        scores.floor as expected_distance,

    from scores
    inner join runs on scores.run_id = runs.run_id and scores.dataset = runs.dataset

)

select * from final
