-- Does variety help? Overall score and repeats by variety, and how much of what was accepted we gave away.
with scorecard as (

    select * from {{ ref('scorecard') }}

),

diversity as (

    select * from {{ ref('diversity') }}

),

final as (

    select
        scorecard.dataset,
        scorecard.llm,
        scorecard.prompt_level,
        scorecard.instruction_level,
        scorecard.variety,
        round(scorecard.overall, 2) as overall,
        round(scorecard.accept_rate, 2) as accept_rate,
        round(scorecard.column_fidelity, 2) as column_fidelity,
        round(scorecard.diversity, 2) as diversity,
        round(100 * diversity.repeated_rows_share, 1) as repeated_rows_percent,
        round(100 * scorecard.steered_share, 1) as steered_percent,

    from scorecard
    left join diversity
    on scorecard.run_id = diversity.run_id
    and scorecard.dataset = diversity.dataset
    where scorecard.variety is not null

)

select * from final
order by dataset asc, llm asc, prompt_level asc, instruction_level asc, variety asc
