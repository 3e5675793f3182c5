-- Which columns are off? The five of each run that are furthest from real rows.
with column_fidelity as (

    select * from {{ ref('column_fidelity') }}

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
        column_fidelity.column_name,
        round(column_fidelity.score, 2) as score,
        round(column_fidelity.score_low, 2) as low,
        round(column_fidelity.score_high, 2) as high,
        round(100 * column_fidelity.raw_out_of_vocabulary_share, 1) as percent_written_otherwise,

    from column_fidelity
    inner join runs
    on column_fidelity.run_id = runs.run_id
    and column_fidelity.dataset = runs.dataset
    qualify
        row_number() over (
            partition by column_fidelity.run_id, column_fidelity.dataset
            order by
                column_fidelity.score asc nulls last,
                column_fidelity.raw_out_of_vocabulary_share desc,
                column_fidelity.column_name asc
        ) <= 5

)

select * from final
order by llm asc, prompt_level asc, instruction_level asc, variety asc, score asc nulls last, column_name asc
