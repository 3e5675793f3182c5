with runs as (

    select * from {{ ref('generation_runs') }}

),

column_distances as (

    select * from {{ ref('int_column_distances') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

fidelity_per_draw as (

    select
        run_id,
        draw,
        avg(score) as column_fidelity,

    from column_distances
    group by run_id, draw

),

fidelity as (

    select
        run_id,
        any_value(column_fidelity) filter (where draw = 0) as column_fidelity,
        1.959964 * stddev_samp(column_fidelity) filter (where draw > 0) as margin,

    from fidelity_per_draw
    group by run_id

),

---------- accept rate: Wilson's score interval, which holds at small sizes and at 0 and 1

validity as (

    select
        run_id,
        rows_accepted / nullif(records_found, 0) as accept_rate,
        records_found as size,
        1.959964 as z,

    from runs

),

validity_interval as (

    select
        run_id,
        accept_rate,
        greatest(0, (
            accept_rate + z * z / (2 * size)
            - z * sqrt(accept_rate * (1 - accept_rate) / size + z * z / (4 * size * size))
        ) / (1 + z * z / size)) as accept_rate_low,
        least(1, (
            accept_rate + z * z / (2 * size)
            + z * sqrt(accept_rate * (1 - accept_rate) / size + z * z / (4 * size * size))
        ) / (1 + z * z / size)) as accept_rate_high,

    from validity
    where size > 0

),

joined as (

    select
        ---------- ids
        runs.run_id,
        runs.dataset,
        runs.llm,
        runs.prompt_level,
        runs.instruction_level,
        reference_files.reference,

        ---------- validity
        runs.rows_accepted,
        validity_interval.accept_rate,
        validity_interval.accept_rate_low,
        validity_interval.accept_rate_high,

        ---------- realism
        fidelity.column_fidelity,
        fidelity.column_fidelity - fidelity.margin as column_fidelity_low,
        fidelity.column_fidelity + fidelity.margin as column_fidelity_high,

        ---------- cost and time
        runs.usd_per_1000_rows,
        runs.seconds_per_1000_rows,
        runs.tokens_per_row,

        ---------- what is missing, and why
        case
            when runs.rows_accepted = 0 then 'no record was accepted: see metrics.reject_reasons'
            when reference_files.reference is null then 'no reference table: synthcare reference'
            when fidelity.column_fidelity is null
                then 'drawn from another reference: generate it again'
        end as not_scored_because,

    from runs
    left join fidelity on runs.run_id = fidelity.run_id
    left join validity_interval on runs.run_id = validity_interval.run_id
    left join reference_files on runs.dataset = reference_files.dataset

)

select * from joined
