with scores as (

    {{ wide_scores('pair_fidelity', [
        'correlation', 'reference_correlation', 'mutual_information', 'reference_mutual_information'
    ]) }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

final as (

    select
        ---------- ids
        scores.run_id,
        scores.dataset,
        split_part(scores.subject, ', ', 1) as column_1,
        split_part(scores.subject, ', ', 2) as column_2,

        ---------- the score
        runs.rows_counted as rows_compared,
        scores.score * (1 - scores.floor) as contingency_similarity,
        1 - scores.floor as expected_similarity,
        scores.score,
        scores.score_low,
        scores.score_high,

        ---------- two numbers
        scores.correlation,
        scores.reference_correlation,
        1 - abs(scores.correlation - scores.reference_correlation) / 2 as correlation_similarity,

        ---------- any two columns
        scores.mutual_information,
        scores.reference_mutual_information,

    from scores
    inner join runs on scores.run_id = runs.run_id and scores.dataset = runs.dataset

)

select * from final
