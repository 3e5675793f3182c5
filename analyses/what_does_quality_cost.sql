-- What does quality cost? Score, cost and time of each run whose cost is known.
with scorecard as (

    select * from {{ ref('scorecard') }}

),

final as (

    select
        llm,
        prompt_level,
        instruction_level,
        variety,
        round(overall, 2) as overall,
        round(usd_per_1000_rows, 3) as usd_per_1000_rows,
        round(seconds_per_1000_rows) as seconds_per_1000_rows,
        -- No other is better and costs no more.
        overall is not null
        and not exists (
            select * from scorecard as others
            where
                others.dataset = scorecard.dataset
                and others.overall > scorecard.overall
                and others.usd_per_1000_rows <= scorecard.usd_per_1000_rows
        ) as is_worth_its_price,

    from scorecard
    where usd_per_1000_rows is not null

)

select * from final
order by usd_per_1000_rows asc, overall desc nulls last
