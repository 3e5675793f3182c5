-- Where do real and synthetic rows differ? The ten categories or ranges of each run that are most
-- over- or underrepresented.
with distributions as (

    select * from {{ ref('distributions') }}

),

runs as (

    select * from {{ ref('generation_runs') }}

),

final as (

    select
        runs.llm,
        runs.prompt_level,
        runs.instruction_level,
        runs.variety,
        distributions.column_name,
        case
            when distributions.kind = 'categorical'
                then coalesce(distributions.category, 'missing')
            when distributions.kind = 'date'
                then concat_ws(
                    ' to before ',
                    cast(date '1970-01-01' + cast(distributions.low as integer) as varchar),
                    cast(date '1970-01-01' + cast(distributions.high as integer) as varchar)
                )
            else concat_ws(' to below ', round(distributions.low, 2), round(distributions.high, 2))
        end as bar,
        round(100 * distributions.reference_share, 1) as percent_of_real_rows,
        round(100 * distributions.share, 1) as percent_of_this_run,

    from distributions
    inner join runs on distributions.run_id = runs.run_id and distributions.dataset = runs.dataset
    qualify
        row_number() over (
            partition by distributions.run_id, distributions.dataset
            order by
                abs(distributions.share - distributions.reference_share) desc,
                distributions.column_name asc,
                distributions.bar_number asc
        ) <= 10

)

select * from final
order by
    llm asc,
    prompt_level asc,
    instruction_level asc,
    variety asc,
    abs(percent_of_this_run - percent_of_real_rows) desc
