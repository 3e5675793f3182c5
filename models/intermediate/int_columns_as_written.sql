-- Every record found, before anything was normalised or rejected, also of runs of which nothing was
-- accepted.
with written_values as (

    select * from {{ ref('int_written_values') }}

),

scored_columns as (

    select * from {{ ref('int_scored_columns') }}

),

written as (

    select
        dataset,
        run_id,
        column_name,
        code,
        sum(record_count) as record_count,
        sum(record_count) filter (where is_allowed) as allowed_count,
        sum(record_count) filter (where is_allowed and not is_normalised) as verbatim_count,
        sum(sum(record_count)) over (partition by run_id, dataset, column_name) as records_found,

    from written_values
    where run_id is not null
    group by dataset, run_id, column_name, code

),

real_shares as (

    select
        dataset,
        column_name,
        code,
        record_count / sum(record_count) over (partition by dataset, column_name) as share,

    from written_values
    where run_id is null

),

final as (

    select
        written.run_id,
        written.dataset,
        written.column_name,
        scored_columns.kind,
        scored_columns.is_number,
        1 - sum(coalesce(written.allowed_count, 0)) / sum(written.record_count)
            as out_of_vocabulary_share,
        1 - sum(coalesce(written.verbatim_count, 0)) / sum(written.record_count)
            as raw_out_of_vocabulary_share,
        -- What is written otherwise is another category, which the reference does not have.
        1 - sum(least(
            coalesce(written.verbatim_count, 0) / written.records_found, real_shares.share
        )) as raw_distance,

    from written
    inner join scored_columns
    on written.dataset = scored_columns.dataset
    and written.column_name = scored_columns.column_name
    left join real_shares
    on written.dataset = real_shares.dataset
    and written.column_name = real_shares.column_name
    and written.code = real_shares.code
    group by all

)

select * from final
