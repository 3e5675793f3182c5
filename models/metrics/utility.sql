with scores as (

    {{ wide_scores('utility', ['rows_trained_on', 'skill', 'importance_agreement']) }}

),

real_skills as (

    {{ wide_scores('reference_skill', []) }}

),

scored_columns as (

    select * from {{ ref('int_scored_columns') }}

),

joined as (

    select
        scores.*,
        scored_columns.column_name,
        scored_columns.is_number,
        split_part(scores.subject, ', ', 2) as learner,
        real_skills.score as reference_skill,
        real_skills.score_low as reference_skill_low,
        real_skills.score_high as reference_skill_high,

    from scores
    inner join scored_columns
    on scores.dataset = scored_columns.dataset
    and split_part(scores.subject, ', ', 1) = scored_columns.column_name
    left join real_skills
    on scores.run_id = real_skills.run_id
    and scores.dataset = real_skills.dataset
    and scores.subject = real_skills.subject

),

final as (

    select
        ---------- ids
        run_id,
        dataset,
        column_name,
        learner,
        if(is_number, 'R2', '2 AUC - 1') as measure,

        ---------- the score
        cast(rows_trained_on as bigint) as rows_trained_on,
        score as utility,
        score_low as utility_low,
        score_high as utility_high,

        ---------- what it is made of
        skill,
        reference_skill,
        reference_skill_low,
        reference_skill_high,
        if(is_number, null, (1 + skill) / 2) as auc,
        if(is_number, null, (1 + reference_skill) / 2) as reference_auc,
        importance_agreement,
        note,

    from joined

)

select * from final
