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
        runs.dataset,
        responses.request_number,

        ---------- text
        responses.slice_text,
        responses.response_text,
        {{ plain_text('responses.response_text') }} as parsed_text,
        responses.finish_reason,
        responses.finish_reason = 'length' as is_truncated,

        ---------- numbers
        responses.rows_requested,
        responses.input_tokens,
        responses.cached_tokens,
        responses.output_tokens,

        ---------- times
        responses.requested_at,
        responses.received_at,

    from responses
    inner join runs on responses.run_id = runs.run_id

)

select * from joined
