-- Draw 0 is every accepted row of a run; draws 1, 2, … hold half of its rows, without replacement.
-- Their spread is that of a score at the full size (see docs/metrics.md).
with record_outcomes as (

    select * from {{ ref('int_record_outcomes') }}

),

accepted as (

    select
        run_id,
        record_id,
        count(*) over (partition by run_id) as rows_accepted,

    from record_outcomes
    where is_accepted

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
