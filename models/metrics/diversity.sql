with text_values as (

    select * from {{ ref('int_text_values') }}

),

responses as (

    select * from {{ ref('stg_llm_responses') }}

),

runs as (

    select * from {{ source('raw', 'llm_runs') }}

),

placed as (

    select
        text_values.*,
        dense_rank() over (
            partition by text_values.run_id
            order by responses.request_number, text_values.record_id
        ) as place,
        -- All that the LLM had read when it wrote the record.
        lower(concat_ws(
            chr(10), runs.developer_message, runs.user_message, responses.slice_text
        )) as prompt,

    from text_values
    inner join responses on text_values.response_id = responses.response_id
    inner join runs on text_values.run_id = runs.run_id

),

first_rows as (

    select * from placed
    where place <= {{ var('rows_for_diversity') }}

),

---------- distinct values, per column and then over the columns

columns_per_run as (

    select
        run_id,
        column_name,
        kind,
        count(distinct text) as distinct_values,
        count(*) as row_count,
        any_value(allowed_values) as allowed_values,

    from first_rows
    group by run_id, column_name, kind

),

distinct_per_run as (

    select
        run_id,
        max(row_count) as rows_compared,
        100 * avg(distinct_values / row_count) filter (where kind = 'identifier')
            as distinct_identifiers_per_100_rows,
        avg(distinct_values / allowed_values) filter (where kind = 'categorical')
            as category_coverage,

    from columns_per_run
    group by run_id

),

---------- rows that repeat another one, or what stood in the prompt

records as (

    select
        run_id,
        record_id,
        list(text order by column_name) as texts,
        bool_or(kind = 'identifier' and contains(prompt, lower(text))) as is_echo,

    from first_rows
    group by run_id, record_id

),

repeats_per_run as (

    select
        run_id,
        1 - count(distinct texts) / count(*) as repeated_rows_share,
        avg(cast(is_echo as integer)) as prompt_echo_share,

    from records
    group by run_id

),

joined as (

    select
        ---------- ids
        distinct_per_run.run_id,
        runs.dataset,
        runs.llm,
        runs.prompt_level,
        runs.instruction_level,

        ---------- numbers
        distinct_per_run.rows_compared,
        distinct_per_run.distinct_identifiers_per_100_rows,
        distinct_per_run.category_coverage,
        repeats_per_run.repeated_rows_share,
        -- A baseline has read no prompt.
        if(runs.user_message is null, null, repeats_per_run.prompt_echo_share)
            as prompt_echo_share,

    from distinct_per_run
    inner join repeats_per_run on distinct_per_run.run_id = repeats_per_run.run_id
    inner join runs on distinct_per_run.run_id = runs.run_id

)

select * from joined
