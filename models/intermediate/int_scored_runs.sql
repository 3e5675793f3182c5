-- A baseline that was drawn from another reference than the one landed now is no ceiling or floor
-- any more, and is left out.
with record_outcomes as (

    select * from {{ ref('int_record_outcomes') }}

),

runs as (

    select * from {{ source('raw', 'llm_runs') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

accepted as (

    select
        run_id,
        dataset,
        count(*) as rows_accepted,
        count(distinct response_id) as responses,

    from record_outcomes
    where is_accepted
    group by run_id, dataset

),

scored as (

    select
        runs.run_id,
        runs.dataset,
        runs.drawn_columns,
        accepted.rows_accepted,
        accepted.responses,
        -- Rows of one response resemble each other, so responses are drawn. With too few of them
        -- rows are, as with a baseline, whose rows are independent.
        runs.drawn_from is null
        and accepted.responses >= {{ var('fewest_responses_to_draw') }} as is_drawn_by_response,

    from runs
    inner join accepted on runs.run_id = accepted.run_id and runs.dataset = accepted.dataset
    inner join reference_files on runs.dataset = reference_files.dataset
    where coalesce(runs.drawn_from, reference_files.sha256) = reference_files.sha256

),

final as (

    select
        * exclude (responses),
        if(is_drawn_by_response, responses, rows_accepted) as units,
        least({{ var('blocks') }}, units) as blocks,

    from scored

)

select * from final
