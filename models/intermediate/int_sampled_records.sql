-- The rows from which intervals, classifiers and diversity are made: all of a run, or about as
-- many as the variable says. Units are shuffled into blocks: rows, or responses (of large ones,
-- some rows).
with record_outcomes as (

    select * from {{ ref('int_record_outcomes') }}
    where is_accepted

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

records as (

    select
        runs.run_id,
        runs.dataset,
        runs.blocks,
        runs.share_looked_at,
        record_outcomes.record_id,
        record_outcomes.response_id,
        {{ unit_of('record_outcomes') }} as unit,

    from record_outcomes
    inner join runs
    on record_outcomes.run_id = runs.run_id
    and record_outcomes.dataset = runs.dataset

),

candidates as (

    select
        *,
        row_number() over (
            partition by run_id, dataset, unit
            order by md5_number_lower(concat_ws('|', {{ var('seed') }}, record_id)), record_id
        ) as row_rank,

    from records
    where {{ is_within('unit', 'share_looked_at') }}
    qualify row_rank <= greatest(1, {{ var('rows_in_samples') }} / blocks)

),

units as (

    select
        run_id,
        dataset,
        unit,
        any_value(blocks) as blocks,
        count(*) as row_count,

    from candidates
    group by run_id, dataset, unit

),

ranked as (

    select
        *,
        row_number() over by_hash as unit_rank,
        sum(row_count) over by_hash - row_count as rows_before,

    from units
    window by_hash as (partition by run_id, dataset order by unit)

),

final as (

    select
        candidates.run_id,
        candidates.dataset,
        candidates.record_id,
        candidates.response_id,
        candidates.unit,
        cast(1 + (ranked.unit_rank - 1) % ranked.blocks as utinyint) as block,

    from candidates
    inner join ranked
    on candidates.run_id = ranked.run_id
    and candidates.dataset = ranked.dataset
    and candidates.unit = ranked.unit
    where ranked.rows_before < {{ var('rows_in_samples') }} or ranked.unit_rank <= ranked.blocks

)

select * from final
