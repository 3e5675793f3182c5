with scores as (

    {{ wide_scores('interactions', []) }}

),

final as (

    select
        ---------- ids
        run_id,
        dataset,
        split_part(subject, ', ', 1) as column_1,
        split_part(subject, ', ', 2) as column_2,
        split_part(subject, ', ', 3) as column_3,

        ---------- the score
        score,
        score_low,
        score_high,

    from scores

)

select * from final
