-- Which prompt level is worth its tokens? Each LLM's levels, best overall score first.
with scorecard as (

    select * from {{ ref('scorecard') }}

),

final as (

    select
        llm,
        prompt_level,
        instruction_level,
        variety,
        rows_accepted,
        round(overall, 2) as overall,
        round(overall_low, 2) as low,
        round(overall_high, 2) as high,
        round(tokens_per_row) as tokens_per_row,
        round(usd_per_1000_rows, 2) as usd_per_1000_rows,

    from scorecard
    where prompt_level is not null

)

select * from final
order by llm asc, overall desc nulls last
