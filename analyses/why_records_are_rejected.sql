-- Why are records rejected? The five most common reasons of each LLM and prompt.
with reject_reasons as (

    select * from {{ ref('reject_reasons') }}

),

final as (

    select
        llm,
        prompt_level,
        instruction_level,
        reject_reason,
        sum(records) as records,
        round(100 * max(share_of_records), 1) as percent_of_records,

    from reject_reasons
    group by llm, prompt_level, instruction_level, reject_reason
    qualify
        row_number() over (
            partition by llm, prompt_level, instruction_level
            order by sum(records) desc, reject_reason
        ) <= 5

)

select * from final
order by llm, prompt_level, instruction_level, records desc, reject_reason
