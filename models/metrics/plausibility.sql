with checked_records as (

    select * from {{ ref('int_checked_records') }}

),

per_run as (

    select
        run_id,
        dataset,
        check_name,
        any_value(sentence) as sentence,
        cast(sum(records_checked) as bigint) as records_checked,
        cast(sum(records_plausible) as bigint) as records_plausible,
        {{ effective_size('records_plausible', 'records_checked') }} as effective_size,

    from checked_records
    where run_id is not null and records_checked > 0
    group by run_id, dataset, check_name

),

reference as (

    select
        dataset,
        check_name,
        records_plausible / nullif(records_checked, 0) as plausible_share,

    from checked_records
    where run_id is null

),

shares as (

    select
        per_run.*,
        per_run.records_plausible / per_run.records_checked as plausible_share,
        reference.plausible_share as reference_plausible_share,

    from per_run
    left join reference
    on per_run.dataset = reference.dataset
    and per_run.check_name is not distinct from reference.check_name

),

final as (

    select
        ---------- ids
        run_id,
        dataset,
        check_name,
        sentence,

        ---------- counts
        records_checked,
        records_plausible,

        ---------- the score
        plausible_share,
        {{ wilson_low('plausible_share', 'effective_size') }} as plausible_share_low,
        {{ wilson_high('plausible_share', 'effective_size') }} as plausible_share_high,
        reference_plausible_share,

    from shares

)

select * from final
