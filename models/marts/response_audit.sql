with responses as (

    select * from {{ ref('stg_llm_responses') }}

),

records as (

    select * from {{ ref('stg_llm_records') }}

),

record_outcomes as (

    select * from {{ ref('int_record_outcomes') }}

),

readings as (

    select * from {{ ref('stg_llm_readings') }}

),

-- Counted together, so that there is one table of responses in memory and not two.
found_or_judged as (

    select
        response_id,
        true as is_found,
        record_format,
        is_cut_off,
        doubt = 'superseded' as is_superseded,
        null as is_accepted,
        null as is_without_parent,

    from records

    union all

    select
        response_id,
        false as is_found,
        null as record_format,
        null as is_cut_off,
        null as is_superseded,
        is_accepted,
        list_contains(reject_reasons, 'unknown_parent') as is_without_parent,

    from record_outcomes

),

found as (

    select
        response_id,
        count(*) filter (where is_found) as records_found,
        count(*) filter (where is_cut_off) as records_cut_off,
        count(*) filter (where is_superseded) as records_superseded,
        any_value(record_format) as record_format,
        count(*) filter (where is_accepted) as rows_accepted,
        count(*) filter (where not is_accepted) as rows_rejected,
        count(*) filter (where is_without_parent) as without_parent,

    from found_or_judged
    group by response_id

),

joined as (

    select
        ---------- ids
        responses.response_id,
        responses.run_id,
        responses.dataset,

        ---------- counts
        responses.rows_requested,
        coalesce(found.records_found, 0) as records_found,
        coalesce(found.rows_accepted, 0) as rows_accepted,
        coalesce(found.rows_rejected, 0) as rows_rejected,
        coalesce(found.records_cut_off, 0) as records_cut_off,
        coalesce(found.records_superseded, 0) as records_superseded,
        coalesce(found.without_parent, 0) as records_without_parent,

        ---------- what it was taken for
        case
            when responses.is_refused and found.records_found is null then 'refusal'
            when responses.is_filtered and found.records_found is null then 'filtered'
            when responses.finish_reason = 'error' and found.records_found is null then 'error'
            else coalesce(found.record_format, readings.taken_for)
        end as taken_for,
        -- SQL reads only what it explains whole.
        coalesce(readings.unexplained_share, 0) as unexplained_share,
        -- The columns have no type of their own while every answer holds nothing but records.
        cast(readings.begins as varchar) as begins,
        cast(readings.rest as varchar) as longest_unexplained,

        ---------- how it ended
        responses.finish_reason,
        responses.is_truncated,
        responses.is_refused,
        responses.is_filtered,
        responses.reasoning_tokens,

    from responses
    left join found on responses.response_id = found.response_id
    left join readings on responses.response_id = readings.response_id

)

select * from joined
