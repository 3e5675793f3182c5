with runs as (

    select * from {{ source('raw', 'llm_runs') }}

),

responses_per_run as (

    select * from {{ ref('int_responses_per_run') }}

),

response_audit as (

    select * from {{ ref('response_audit') }}

),

steered_values as (

    select * from {{ ref('int_steered_values') }}

),

prices as (

    select * from {{ ref('llm_prices') }}

),

records_per_run as (

    select
        run_id,
        dataset,
        cast(sum(records_found) as bigint) as records_found,
        cast(sum(rows_accepted) as bigint) as rows_accepted,
        cast(sum(rows_rejected) as bigint) as rows_rejected,

    from response_audit
    group by run_id, dataset

),

steered_per_run as (

    select
        run_id,
        dataset,
        sum(least(rows_dictated, rows_accepted)) as steered_values,

    from steered_values
    group by run_id, dataset

),

joined as (

    select
        ---------- ids
        runs.run_id,
        runs.dataset,
        runs.llm,
        runs.provider,
        runs.model,
        runs.prompt_level,
        runs.instruction_level,
        runs.variety,
        runs.drawn_columns,
        runs.wire_format,
        runs.price_tier,

        ---------- counts
        coalesce(responses_per_run.responses, 0) as responses,
        coalesce(responses_per_run.truncated_responses, 0) as truncated_responses,
        coalesce(records_per_run.records_found, 0) as records_found,
        coalesce(records_per_run.rows_accepted, 0) as rows_accepted,
        coalesce(records_per_run.rows_rejected, 0) as rows_rejected,
        if(runs.variety is null, null, coalesce(steered_per_run.steered_values, 0))
        / nullif(records_per_run.rows_accepted * case runs.dataset
            {%- for dataset in var('datasets') %}
            when {{ sql_text(dataset) }} then {{ contract_columns(dataset) | length }}
            {%- endfor %}
        end, 0) as steered_share,

        ---------- tokens
        responses_per_run.input_tokens,
        responses_per_run.cached_tokens,
        responses_per_run.output_tokens,
        responses_per_run.reasoning_tokens,

        ---------- cost: null where the model has no price or the tokens are not known
        (
            (responses_per_run.input_tokens - coalesce(responses_per_run.cached_tokens, 0))
            * prices.usd_per_million_input_tokens
            + coalesce(responses_per_run.cached_tokens, 0)
            * prices.usd_per_million_cached_tokens
        ) / 1e6 as input_cost_usd,
        responses_per_run.output_tokens * prices.usd_per_million_output_tokens / 1e6
            as output_cost_usd,

        ---------- times
        responses_per_run.wall_seconds,
        runs.started_at,

    from runs
    left join responses_per_run
    on runs.run_id = responses_per_run.run_id
    and runs.dataset = responses_per_run.dataset
    left join records_per_run
    on runs.run_id = records_per_run.run_id
    and runs.dataset = records_per_run.dataset
    left join steered_per_run
    on runs.run_id = steered_per_run.run_id
    and runs.dataset = steered_per_run.dataset
    left join prices on runs.model = prices.model and runs.price_tier = prices.tier

),

costed as (

    select
        * exclude (input_cost_usd, output_cost_usd, wall_seconds, started_at),
        cast(input_cost_usd as double) as input_cost_usd,
        cast(output_cost_usd as double) as output_cost_usd,
        cast(input_cost_usd + output_cost_usd as double) as cost_usd,
        cast(wall_seconds as double) as wall_seconds,
        started_at,

    from joined

),

final as (

    select
        *,

        ---------- per 1,000 accepted rows, and per row
        1000 * input_cost_usd / nullif(rows_accepted, 0) as input_usd_per_1000_rows,
        1000 * output_cost_usd / nullif(rows_accepted, 0) as output_usd_per_1000_rows,
        1000 * cost_usd / nullif(rows_accepted, 0) as usd_per_1000_rows,
        1000 * wall_seconds / nullif(rows_accepted, 0) as seconds_per_1000_rows,
        (input_tokens + output_tokens) / nullif(rows_accepted, 0) as tokens_per_row,

    from costed

)

select * from final
