with scores as (

    {{ wide_scores('detection', ['rows_judged', 'auc', 'reference_auc'], is_of_runs=true) }}

),

final as (

    select
        ---------- ids
        run_id,
        dataset,

        ---------- the score
        cast(rows_judged as bigint) as rows_compared,
        score as detection,
        score_low as detection_low,
        score_high as detection_high,

        ---------- what it is made of
        auc,
        reference_auc,

    from scores
    where score is not null

)

select * from final
