-- What we drew ourselves says nothing of the LLM, and is not scored.
with runs as (

    select * from {{ ref('int_scored_runs') }}
    where drawn_columns is not null

),

scored_columns as (

    select * from {{ ref('int_scored_columns') }}

),

joined as (

    select
        runs.run_number,
        scored_columns.dataset,
        scored_columns.column_number,
        scored_columns.column_name,

    from runs
    inner join scored_columns on runs.dataset = scored_columns.dataset
    where list_has_all(runs.drawn_columns, scored_columns.made_from)

)

select * from joined
