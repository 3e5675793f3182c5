-- Which columns lack values too often, or too seldom?
with missingness as (

    select * from {{ ref('missingness') }}

),

runs as (

    select * from {{ ref('generation_runs') }}

),

final as (

    select
        runs.dataset,
        runs.llm,
        runs.prompt_level,
        missingness.column_name,
        missingness.missing_share,
        missingness.reference_missing_share,
        missingness.score,
        missingness.score_high < 1 as is_off,

    from missingness
    inner join runs on missingness.run_id = runs.run_id and missingness.dataset = runs.dataset

)

select * from final
order by score asc, dataset asc, llm asc, column_name asc
