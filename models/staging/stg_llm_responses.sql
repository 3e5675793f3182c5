with runs as (

    select * from {{ source('raw', 'llm_runs') }}

),

responses as (

    select * from {{ source('raw', 'llm_responses') }}

),

joined as (

    select
        ---------- ids
        responses.response_id,
        responses.run_id,
        responses.dataset,
        responses.request_number,
        responses.landed_number,
        runs.wire_format,
        runs.written_fields,
        coalesce(runs.has_keys, false) as has_keys,

        ---------- text
        responses.slice_text,
        responses.dictated_values,
        responses.quota_cells,
        responses.drawn_values,
        responses.parents,
        responses.response_text,
        responses.finish_reason,
        -- `broken`: the stream ended before the answer did.
        responses.finish_reason in ('length', 'broken') as is_truncated,
        responses.finish_reason = 'refusal' as is_refused,
        responses.finish_reason = 'content_filter' as is_filtered,

        ---------- numbers
        responses.rows_requested,
        responses.input_tokens,
        responses.cached_tokens,
        responses.output_tokens,
        responses.reasoning_tokens,

        ---------- times
        responses.requested_at,
        responses.received_at,

    from responses
    inner join runs on responses.run_id = runs.run_id and responses.dataset = runs.dataset

)

select * from joined
