with scores as (

    {{ wide_scores('plausibility', ['reference_plausibility']) }}

    union all by name

    {{ wide_scores('plausibility', ['reference_plausibility'], is_of_runs=true) }}

),

checked_records as (

    select * from {{ ref('int_checked_records') }}
    where run_id is not null and records_checked > 0

),

counts as (

    select
        run_id,
        dataset,
        check_name,
        any_value(sentence) as sentence,
        cast(sum(records_checked) as bigint) as records_checked,
        cast(sum(records_plausible) as bigint) as records_plausible,

    from checked_records
    group by run_id, dataset, check_name

),

final as (

    select
        ---------- ids
        counts.run_id,
        counts.dataset,
        counts.check_name,
        counts.sentence,

        ---------- counts
        counts.records_checked,
        counts.records_plausible,

        ---------- the score
        scores.score as plausible_share,
        scores.score_low as plausible_share_low,
        scores.score_high as plausible_share_high,
        scores.reference_plausibility as reference_plausible_share,

    from counts
    inner join scores
    on counts.run_id = scores.run_id
    and counts.dataset = scores.dataset
    and counts.check_name is not distinct from scores.subject

)

select * from final
