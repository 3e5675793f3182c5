with column_distances as (

    select * from {{ ref('int_column_distances') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

intervals as (

    select
        run_id,
        column_name,
        1.959964 * stddev_samp(score) as margin,

    from column_distances
    where draw > 0
    group by run_id, column_name

),

final as (

    select
        ---------- ids
        column_distances.run_id,
        column_distances.dataset,
        column_distances.column_name,
        column_distances.kind,
        reference_files.reference,

        ---------- numbers
        column_distances.rows_compared,
        column_distances.distance,
        column_distances.expected_distance,
        column_distances.score,
        column_distances.score - intervals.margin as score_low,
        column_distances.score + intervals.margin as score_high,

    from column_distances
    left join intervals
    on column_distances.run_id = intervals.run_id
    and column_distances.column_name = intervals.column_name
    left join reference_files on column_distances.dataset = reference_files.dataset
    where column_distances.draw = 0

)

select * from final
