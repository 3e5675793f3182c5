with scores as (

    {{ wide_scores('structure', []) }}

),

final as (

    select
        ---------- ids
        run_id,
        dataset,
        split_part(subject, ', ', 1) as column_1,
        nullif(split_part(subject, ', ', 2), '') as column_2,

        ---------- the score
        score,
        score_low,
        score_high,
        floor as expected_distance,

    from scores

)

select * from final
