-- Why are records rejected? The five most common reasons of each LLM and prompt.
with reject_reasons as (

    select * from {{ ref('reject_reasons') }}

),

runs as (

    select * from {{ ref('generation_runs') }}

),

found as (

    select
        llm,
        prompt_level,
        instruction_level,
        variety,
        sum(records_found) as records_found,

    from runs
    group by llm, prompt_level, instruction_level, variety

),

counted as (

    select
        llm,
        prompt_level,
        instruction_level,
        variety,
        reject_reason,
        sum(records) as records,

    from reject_reasons
    group by llm, prompt_level, instruction_level, variety, reject_reason

),

final as (

    select
        counted.*,
        round(100 * counted.records / found.records_found, 1) as percent_of_records,

    from counted
    inner join found
    on counted.llm = found.llm
    -- both are null for an import of which nobody knows the prompt
    and counted.prompt_level is not distinct from found.prompt_level
    and counted.instruction_level is not distinct from found.instruction_level
    and counted.variety is not distinct from found.variety
    qualify
        row_number() over (
            partition by
                counted.llm, counted.prompt_level, counted.instruction_level, counted.variety
            order by counted.records desc, counted.reject_reason asc
        ) <= 5

)

select * from final
order by llm asc, prompt_level asc, instruction_level asc, variety asc, records desc, reject_reason asc
