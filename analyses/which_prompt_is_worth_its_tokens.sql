-- Which prompt level is worth its tokens? Each LLM's levels, best column fidelity first.
with scorecard as (

    select * from {{ ref('scorecard') }}

),

final as (

    select
        llm,
        prompt_level,
        instruction_level,
        rows_accepted,
        round(column_fidelity, 3) as column_fidelity,
        round(column_fidelity_low, 3) as low,
        round(column_fidelity_high, 3) as high,
        round(tokens_per_row) as tokens_per_row,
        round(usd_per_1000_rows, 2) as usd_per_1000_rows,

    from scorecard
    where prompt_level is not null

)

select * from final
order by llm asc, column_fidelity desc nulls last
