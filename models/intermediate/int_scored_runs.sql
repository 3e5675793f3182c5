{{- check_rows_counted() -}}
-- A baseline that was drawn from another reference than the one landed now is no ceiling or floor
-- any more, and is left out.
with record_outcomes as (

    select * from {{ ref('int_record_outcomes') }}

),

llm_runs as (

    select * from {{ source('raw', 'llm_runs') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

accepted_per_response as (

    select
        run_id,
        dataset,
        response_id,
        count(*) as row_count,

    from record_outcomes
    where is_accepted
    group by run_id, dataset, response_id

),

accepted as (

    select
        run_id,
        dataset,
        cast(sum(row_count) as bigint) as rows_accepted,
        count(*) as responses,

    from accepted_per_response
    group by run_id, dataset

),

scored as (

    select
        llm_runs.run_id,
        llm_runs.dataset,
        llm_runs.drawn_columns,
        accepted.rows_accepted,
        accepted.responses,
        -- Rows of one response resemble each other, so responses are drawn. With too few of them
        -- rows are, as with a baseline, whose rows are independent.
        llm_runs.drawn_from is null
        and accepted.responses >= {{ var('fewest_responses_to_draw') }} as is_drawn_by_response,

    from llm_runs
    inner join accepted
    on llm_runs.run_id = accepted.run_id
    and llm_runs.dataset = accepted.dataset
    inner join reference_files on llm_runs.dataset = reference_files.dataset
    where coalesce(llm_runs.drawn_from, reference_files.sha256) = reference_files.sha256

),

runs as (

    select
        * exclude (responses),
        if(is_drawn_by_response, responses, rows_accepted) as units,
        least({{ var('blocks') }}, units) as blocks,
        -- Twice as many as are needed, so that a shuffle of large runs stays small.
        2 * greatest({{ var('rows_in_samples') }} / rows_accepted, blocks / units)
            as share_looked_at,
        -- Families are counted whole.
        rows_accepted <= {{ var('rows_counted') }}
        or list_contains({{ sql_list(related_datasets()) }}, dataset) as is_counted_whole,
        least(1, greatest({{ var('rows_counted') }} / rows_accepted, share_looked_at))
            as share_of_units,
        -- Of few, very long responses.
        {{ var('rows_counted') }} / rows_accepted / share_of_units as share_of_rows,

    from scored

),

drawn as (

    select
        runs.run_id,
        runs.dataset,
        count(*) as rows_counted,
        count(distinct {{ unit_of('record_outcomes') }}) as units_counted,

    from record_outcomes
    inner join runs
    on record_outcomes.run_id = runs.run_id
    and record_outcomes.dataset = runs.dataset
    where
        record_outcomes.is_accepted
        and not runs.is_counted_whole
        and {{ is_drawn('record_outcomes') }}
    group by runs.run_id, runs.dataset

),

final as (

    select
        runs.*,
        if(runs.is_counted_whole, runs.rows_accepted, coalesce(drawn.rows_counted, 0))
            as rows_counted,
        if(runs.is_counted_whole, runs.units, coalesce(drawn.units_counted, 0))
            as units_counted,

    from runs
    left join drawn
    on runs.run_id = drawn.run_id
    and runs.dataset = drawn.dataset

)

select * from final
