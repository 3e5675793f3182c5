-- Draw 0 is every accepted row of a run; draws 1, 2, … hold half of its rows, without replacement.
-- Their spread is that of a score at the full size (see docs/metrics.md). A baseline that was drawn
-- from another reference than the one landed now is no ceiling or floor any more, and is left out.
with record_outcomes as (

    select * from {{ ref('int_record_outcomes') }}

),

runs as (

    select * from {{ source('raw', 'llm_runs') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

comparable_runs as (

    select runs.run_id

    from runs
    inner join reference_files on runs.dataset = reference_files.dataset
    where coalesce(runs.drawn_from, reference_files.sha256) = reference_files.sha256

),

accepted as (

    select
        record_outcomes.run_id,
        record_outcomes.record_id,
        count(*) over (partition by record_outcomes.run_id) as rows_accepted,

    from record_outcomes
    inner join comparable_runs on record_outcomes.run_id = comparable_runs.run_id
    where record_outcomes.is_accepted

),

draws as (

    select unnest(range(1, {{ var('half_samples') }} + 1)) as draw

),

shuffled as (

    select
        accepted.run_id,
        accepted.record_id,
        accepted.rows_accepted,
        draws.draw,
        row_number() over (
            partition by accepted.run_id, draws.draw
            order by
                md5_number_lower(
                    concat_ws('|', {{ var('seed') }}, draws.draw, accepted.record_id)
                ),
                accepted.record_id
        ) as place,

    from accepted
    cross join draws
    where accepted.rows_accepted >= 4

),

final as (

    select
        run_id,
        record_id,
        0 as draw,

    from accepted

    union all

    select
        run_id,
        record_id,
        draw,

    from shuffled
    where place <= rows_accepted // 2

)

select * from final
