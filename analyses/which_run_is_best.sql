-- Which LLM and prompt is best? Every run, best first, and whether it is told apart from the best.
-- A run that leaks real people is not the best one, however real it looks.
with scorecard as (

    select * from {{ ref('scorecard') }}

),

comparison as (

    select * from {{ ref('comparison') }}
    where score_name = 'overall'

),

best as (

    select
        dataset,
        arg_max(run_id, overall) as run_id,

    from scorecard
    where provider not in ('holdout', 'independent') and leaks is null
    group by dataset

),

final as (

    select
        scorecard.dataset,
        scorecard.llm,
        scorecard.prompt_level,
        scorecard.instruction_level,
        scorecard.variety,
        scorecard.rows_accepted,
        round(scorecard.overall, 2) as overall,
        round(scorecard.overall_low, 2) as low,
        round(scorecard.overall_high, 2) as high,
        case
            when scorecard.leaks is not null then 'leaks'
            when scorecard.run_id = best.run_id then 'best'
            else comparison.verdict
        end as against_the_best,

    from scorecard
    left join best on scorecard.dataset = best.dataset
    left join comparison
    on scorecard.run_id = comparison.run_id
    and scorecard.dataset = comparison.dataset
    and best.run_id = comparison.other_run_id

)

select * from final
order by dataset asc, coalesce(against_the_best = 'leaks', false) asc, overall desc nulls last
