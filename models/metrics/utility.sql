with target_skills as (

    select * from {{ ref('int_target_skills') }}

),

drawn_columns as (

    select * from {{ ref('int_drawn_columns') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

-- Student's t of the draws; real draws are independent, so their mean is surer than each.
skills as (

    select
        run_number,
        column_name,
        measure,
        learner,
        bool_and(has_signal) as has_signal,
        avg(skill) filter (where trained_on = 'reference') as reference_skill,
        stddev_samp(skill) filter (where trained_on = 'reference')
        / sqrt(count(*) filter (where trained_on = 'reference')) as reference_spread,
        avg(skill) filter (where trained_on = 'run') as skill,
        stddev_samp(skill) filter (where trained_on = 'run') as spread,
        any_value(rows_trained_on) filter (where trained_on = 'reference') as rows_trained_on,
        max(importance_agreement) as importance_agreement,
        count(*) filter (where trained_on = 'reference') as draws,

    from target_skills
    group by run_number, column_name, measure, learner

),

with_margins as (

    select
        skills.*,
        {{ margin('skills.reference_spread', 'skills.draws') }} as reference_margin,
        {{ margin('skills.spread', 'skills.draws') }} as margin,
        runs.run_id,
        runs.dataset,

    from skills
    inner join runs on skills.run_number = runs.run_number
    anti join drawn_columns
    on skills.run_number = drawn_columns.run_number
    and skills.column_name = drawn_columns.column_name

),

scored as (

    select
        *,
        if(has_signal, greatest(0, skill) / reference_skill, null) as utility,
        -- of a ratio, by the delta method
        sqrt(power(margin, 2) + power(utility * reference_margin, 2)) / reference_skill
            as utility_margin,

    from with_margins

),

final as (

    select
        ---------- ids
        run_id,
        dataset,
        column_name,
        learner,
        measure,

        ---------- the score
        rows_trained_on,
        utility,
        utility - utility_margin as utility_low,
        utility + utility_margin as utility_high,

        ---------- what it is made of
        skill,
        reference_skill,
        reference_skill - reference_margin as reference_skill_low,
        reference_skill + reference_margin as reference_skill_high,
        if(measure = 'R2', null, (1 + skill) / 2) as auc,
        if(measure = 'R2', null, (1 + reference_skill) / 2) as reference_auc,
        importance_agreement,
        if(has_signal, null, 'no signal: real rows do not predict it better than chance') as note,

    from scored

)

select * from final
