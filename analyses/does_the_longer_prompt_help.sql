-- Does the longer prompt help? Overall score by level of prompt (rows) and instructions (columns).
with scorecard as (

    select * from {{ ref('scorecard') }}

),

final as (

    select
        dataset,
        llm,
        variety,
        prompt_level,
        round(max(overall) filter (where instruction_level = 'basic'), 2) as basic_instructions,
        round(max(overall) filter (where instruction_level = 'improved'), 2)
            as improved_instructions,
        round(max(overall) filter (where instruction_level = 'advanced'), 2)
            as advanced_instructions,

    from scorecard
    where prompt_level is not null
    group by dataset, llm, variety, prompt_level

)

select * from final
order by
    dataset asc,
    llm asc,
    variety asc,
    list_position(['basic', 'improved', 'advanced'], prompt_level) asc
