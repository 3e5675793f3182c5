-- Draw 0 is every accepted row of a run; draws 1, 2, … hold half of it, without replacement. Their
-- spread is that of a score at the full size (see docs/metrics.md). A baseline that was drawn
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
        record_outcomes.response_id,

    from record_outcomes
    inner join comparable_runs on record_outcomes.run_id = comparable_runs.run_id
    where record_outcomes.is_accepted

),

---------- what is drawn: responses, because rows of one response resemble each other

responses_per_run as (

    select
        run_id,
        count(distinct response_id) as responses,

    from accepted
    group by run_id

),

with_unit as (

    select
        accepted.run_id,
        accepted.record_id,
        -- Too few responses to draw from: an import, or a baseline, whose rows are independent.
        if(
            responses_per_run.responses >= {{ var('fewest_responses_to_draw') }},
            accepted.response_id,
            accepted.record_id
        ) as unit_id,

    from accepted
    inner join responses_per_run on accepted.run_id = responses_per_run.run_id

),

units as (

    select
        run_id,
        unit_id,
        count(*) over (partition by run_id) as unit_count,
        sum(count(*)) over (partition by run_id) as rows_accepted,

    from with_unit
    group by run_id, unit_id

),

draws as (

    select unnest(range(1, {{ var('half_samples') }} + 1)) as draw

),

shuffled as (

    select
        units.run_id,
        units.unit_id,
        units.unit_count,
        draws.draw,
        row_number() over (
            partition by units.run_id, draws.draw
            order by
                md5_number_lower(concat_ws('|', {{ var('seed') }}, draws.draw, units.unit_id)),
                units.unit_id
        ) as place,

    from units
    cross join draws
    where
        units.unit_count >= 4
        and draws.draw <= greatest(
            {{ var('fewest_half_samples') }},
            {{ var('rows_in_half_samples') }} // units.rows_accepted
        )

),

halves as (

    select
        with_unit.run_id,
        with_unit.record_id,
        shuffled.draw,

    from shuffled
    inner join with_unit
    on shuffled.run_id = with_unit.run_id
    and shuffled.unit_id = with_unit.unit_id
    where shuffled.place <= shuffled.unit_count // 2

),

final as (

    select
        run_id,
        record_id,
        0 as draw,

    from accepted

    union all

    select * from halves

)

select * from final
