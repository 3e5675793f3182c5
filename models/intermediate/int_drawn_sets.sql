-- What we drew ourselves says nothing of the LLM, and is not scored.
with runs as (

    select * from {{ ref('int_scored_runs') }}
    where drawn_columns is not null

),

column_sets as (

    select * from {{ ref('int_column_sets') }}

),

joined as (

    select
        runs.run_number,
        column_sets.dataset,
        column_sets.set_number,
        column_sets.column_count,
        column_sets.column_1,

    from runs
    inner join column_sets on runs.dataset = column_sets.dataset
    where list_has_all(runs.drawn_columns, column_sets.made_from)

)

select * from joined
