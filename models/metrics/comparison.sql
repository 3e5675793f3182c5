with scorecard as (

    select * from {{ ref('scorecard') }}

),

{#- Scores with an interval, of which more is better. -#}
{%- set scores = [
    'overall', 'accept_rate', 'column_fidelity', 'pair_fidelity', 'missingness', 'detection',
    'diversity', 'plausibility', 'utility', 'privacy',
] %}

scores as (

    select
        run_id,
        dataset,
        rows_accepted,
        unnest([
            {%- for score in scores %}
            struct_pack(
                score_name := '{{ score }}',
                score := {{ score }},
                low := {{ score }}_low,
                high := {{ score }}_high
            ),
            {%- endfor %}
        ], recursive := true),

    from scorecard

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
        scores.score,
        others.score as other_score,
        scores.score - others.score as difference,
        difference - sqrt(
            power(scores.score - scores.low, 2) + power(others.high - others.score, 2)
        ) as difference_low,
        difference + sqrt(
            power(scores.high - scores.score, 2) + power(others.score - others.low, 2)
        ) as difference_high,

    from scores
    inner join scores as others
    on scores.dataset = others.dataset
    and scores.score_name = others.score_name
    and scores.run_id <> others.run_id
    where scores.score is not null and others.score is not null

),

final as (

    select
        *,
        case
            when difference_low > 0 then 'better'
            when difference_high < 0 then 'worse'
            else 'tied'
        end as verdict,

    from differences

)

select * from final
