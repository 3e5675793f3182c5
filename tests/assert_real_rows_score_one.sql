-- Held-out real rows score 1 on what compares with real rows, and independent columns score 1
-- column by column; or the scores are biased. One 95 % interval in twenty misses, twice its width
-- one in ten thousand. Rows of the compared half's own values may come a little closer than others.
-- In a reference of few rows the halves themselves differ, and rows of one that are more various
-- than the other's count as 1 at most.
with scorecard as (

    select * from {{ ref('scorecard') }}

),

runs as (

    select * from {{ source('raw', 'llm_runs') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

scores as (

    select
        runs.run_id,
        runs.dataset,
        runs.provider,
        unnest([
            {%- for score in [
                'column_fidelity', 'pair_fidelity', 'detection', 'diversity', 'utility'
            ] %}
            struct_pack(
                score_name := '{{ score }}',
                score := scorecard.{{ score }},
                margin := scorecard.{{ score }} - scorecard.{{ score }}_low
            ),
            {%- endfor %}
        ], recursive := true),

    from scorecard
    inner join runs on scorecard.run_id = runs.run_id and scorecard.dataset = runs.dataset
    inner join reference_files on scorecard.dataset = reference_files.dataset
    where reference_files.rows_landed >= 2000

)

select * from scores
where
    (provider = 'holdout' and abs(score - 1) > 2 * margin)
    or (
        provider = 'independent'
        and score_name = 'column_fidelity'
        and abs(score - 1) > greatest(0.02, 2 * margin)
    )
