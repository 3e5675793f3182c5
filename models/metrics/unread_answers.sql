with response_audit as (

    select * from {{ ref('response_audit') }}

),

runs as (

    select * from {{ source('raw', 'llm_runs') }}
    -- A baseline's answers are real rows, or made of them, so nothing of them is shown.
    where coalesce(provider, '') not in ('independent', 'holdout')

),

counted as (

    select
        run_id,
        dataset,
        count(*) as answers,
        count(*) filter (where records_found = 0) as answers_without_record,
        count(*) filter (where taken_for = 'refusal') as refused,
        count(*) filter (where taken_for = 'filtered') as filtered,
        count(*) filter (where taken_for = 'error') as failed,
        count(*) filter (where taken_for = 'thought') as only_reasoned,
        count(*) filter (where taken_for = 'prose') as only_prose,
        count(*) filter (where taken_for = 'nothing') as empty,
        cast(sum(records_superseded) as bigint) as records_superseded,

    from response_audit
    group by run_id, dataset

),

beginnings as (

    select
        run_id,
        dataset,
        begins,
        count(*) as answers,

    from response_audit
    where records_found = 0 and begins <> ''
    group by run_id, dataset, begins
    qualify
        row_number() over (
            partition by run_id, dataset
            order by answers desc, begins asc
        ) = 1

),

final as (

    select
        ---------- ids
        runs.run_id,
        runs.dataset,
        runs.llm,
        runs.prompt_level,
        runs.instruction_level,
        runs.variety,

        ---------- counts
        counted.answers,
        counted.answers_without_record,
        counted.refused,
        counted.filtered,
        counted.failed,
        counted.only_reasoned,
        counted.only_prose,
        counted.empty,

        ---------- text
        beginnings.begins as most_common_beginning,
        beginnings.answers as answers_beginning_so,

        ---------- what was taken back
        counted.records_superseded,

    from counted
    inner join runs on counted.run_id = runs.run_id and counted.dataset = runs.dataset
    left join beginnings
    on counted.run_id = beginnings.run_id
    and counted.dataset = beginnings.dataset

)

select * from final
