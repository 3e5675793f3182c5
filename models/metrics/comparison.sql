with scores as (

    select * from {{ ref('scores') }}
    where subject is null

),

headlines as (

    select * from {{ ref('headlines') }}

),

runs as (

    select * from {{ ref('generation_runs') }}

),

headline_scores as (

    select
        scores.run_id,
        scores.dataset,
        scores.score_name,
        runs.rows_accepted,
        scores.value as score,
        scores.low,
        scores.high,
        -- Of the overall score, what stands in for a part of it.
        if(scores.score_name = 'overall', coalesce(scores.note, ''), '') as made_of,
        scores.score_name = 'privacy' and coalesce(leaks.value = 1, false) as leaks,

    from scores
    inner join headlines on scores.score_name = headlines.score_name
    inner join runs on scores.run_id = runs.run_id and scores.dataset = runs.dataset
    left join scores as leaks
    on scores.run_id = leaks.run_id
    and scores.dataset = leaks.dataset
    and leaks.score_name = 'leaks'
    where scores.value is not null

),

-- Ends of the difference from those of both scores, squared and added (Newcombe, 1998, method 10),
-- which holds for intervals that are not symmetrical.
differences as (

    select
        scores.run_id,
        others.run_id as other_run_id,
        scores.dataset,
        scores.score_name,
        scores.rows_accepted,
        others.rows_accepted as other_rows_accepted,
        scores.leaks,
        others.leaks as other_leaks,
        scores.score,
        others.score as other_score,
        scores.score - others.score as difference,
        difference - sqrt(
            power(scores.score - scores.low, 2) + power(others.high - others.score, 2)
        ) as difference_low,
        difference + sqrt(
            power(scores.high - scores.score, 2) + power(others.score - others.low, 2)
        ) as difference_high,

    from headline_scores as scores
    inner join headline_scores as others
    on scores.dataset = others.dataset
    and scores.score_name = others.score_name
    and scores.made_of = others.made_of
    and scores.run_id <> others.run_id

),

final as (

    select
        * exclude (leaks, other_leaks),
        case
            -- What leaks does so beyond chance, however little is known of the other one.
            when leaks and not other_leaks then 'worse'
            when other_leaks and not leaks then 'better'
            when difference_low > 0 then 'better'
            when difference_high < 0 then 'worse'
            else 'tied'
        end as verdict,

    from differences

)

select * from final
