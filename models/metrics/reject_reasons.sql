with record_outcomes as (

    select * from {{ ref('int_record_outcomes') }}

),

runs as (

    select * from {{ ref('generation_runs') }}

),

reasons as (

    select
        run_id,
        dataset,
        unnest(reject_reasons) as reject_reason,

    from record_outcomes

),

final as (

    select
        ---------- ids
        reasons.run_id,
        reasons.dataset,
        runs.llm,
        runs.prompt_level,
        runs.instruction_level,
        runs.variety,
        reasons.reject_reason,

        ---------- numbers
        count(*) as records,
        count(*) / any_value(runs.records_found) as share_of_records,

    from reasons
    inner join runs on reasons.run_id = runs.run_id and reasons.dataset = runs.dataset
    group by all

)

select * from final
