with responses as (

    select * from {{ ref('stg_llm_responses') }}

),

counts as (

    select
        run_id,
        dataset,
        count(*) as responses,
        count(*) filter (where is_truncated) as truncated_responses,
        cast(sum(input_tokens) as bigint) as input_tokens,
        cast(sum(cached_tokens) as bigint) as cached_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens,
        cast(sum(reasoning_tokens) as bigint) as reasoning_tokens,

    from responses
    group by run_id, dataset

),

---------- time: seconds in which at least one request was under way, so that a pause costs none

gaps as (

    select
        run_id,
        dataset,
        requested_at,
        received_at,
        max(received_at) over (
            partition by run_id, dataset
            order by requested_at, received_at
            rows between unbounded preceding and 1 preceding
        ) as busy_until,

    from responses
    where received_at is not null

),

time_per_run as (

    select
        run_id,
        dataset,
        sum(greatest(
            0,
            epoch(received_at) - epoch(greatest(requested_at, coalesce(busy_until, requested_at)))
        )) as wall_seconds,

    from gaps
    group by run_id, dataset

),

final as (

    select
        counts.*,
        time_per_run.wall_seconds,

    from counts
    left join time_per_run
    on counts.run_id = time_per_run.run_id
    and counts.dataset = time_per_run.dataset

)

select * from final
