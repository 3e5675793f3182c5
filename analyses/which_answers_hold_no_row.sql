-- Which answers hold no row, and how did they end? With the beginning of one of each kind.
with response_audit as (

    select * from {{ ref('response_audit') }}

),

responses as (

    select * from {{ ref('stg_llm_responses') }}

),

runs as (

    select * from {{ ref('generation_runs') }}

),

final as (

    select
        runs.llm,
        runs.prompt_level,
        runs.instruction_level,
        runs.variety,
        response_audit.finish_reason,
        count(*) as answers,
        count(*) filter (where response_audit.is_refused) as refused,
        count(*) filter (where response_audit.is_filtered) as filtered,
        left(min(responses.response_text), 60) as one_of_them,

    from response_audit
    inner join responses on response_audit.response_id = responses.response_id
    inner join runs on response_audit.run_id = runs.run_id and response_audit.dataset = runs.dataset
    where response_audit.records_found = 0
    group by all

)

select * from final
order by answers desc, llm asc, prompt_level asc, instruction_level asc, variety asc
