with scores as (

    select * from {{ ref('scores') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

by_column as (

    select
        run_id,
        dataset,
        subject as column_name,
        max(value) filter (where score_name = 'missingness') as score,
        max(low) filter (where score_name = 'missingness') as score_low,
        max(high) filter (where score_name = 'missingness') as score_high,
        max(floor) filter (where score_name = 'missingness') as expected_distance,
        max(value) filter (where score_name = 'missing_share') as missing_share,
        max(value) filter (where score_name = 'reference_missing_share') as reference_missing_share,

    from scores
    where subject is not null
    group by run_id, dataset, subject

),

final as (

    select
        ---------- ids
        by_column.run_id,
        by_column.dataset,
        by_column.column_name,

        ---------- the score
        runs.rows_accepted as rows_compared,
        by_column.score,
        by_column.score_low,
        by_column.score_high,

        ---------- what it is made of
        by_column.missing_share,
        by_column.reference_missing_share,
        1 - by_column.score * (1 - by_column.expected_distance) as distance,
        by_column.expected_distance,

    from by_column
    inner join runs on by_column.run_id = runs.run_id
    where by_column.missing_share is not null

)

select * from final
