with scores as (

    {{ wide_scores('diversity', [
        'identifier_diversity', 'value_diversity', 'row_diversity',
        'repeated_rows_share', 'expected_repeated_rows_share',
        'shared_between_responses_share', 'expected_shared_between_responses_share',
    ], is_of_runs=true) }}

),

scored_runs as (

    select * from {{ ref('int_scored_runs') }}

),

sampled_records as (

    select * from {{ ref('int_sampled_records') }}

),

identifiers as (

    select * from {{ ref('int_identifiers') }}
    where run_id is not null and text is not null

),

responses as (

    select * from {{ ref('stg_llm_responses') }}

),

runs as (

    select * from {{ source('raw', 'llm_runs') }}

),

rows_per_run as (

    select
        run_id,
        dataset,
        count(*) as row_count,

    from sampled_records
    group by run_id, dataset

),

---------- what stood in the prompt

echoes as (

    select
        identifiers.run_id,
        identifiers.dataset,
        identifiers.record_id,
        -- All that the LLM had read when it wrote the record.
        bool_or(contains(
            lower(concat_ws(
                chr(10), runs.developer_message, runs.user_message, responses.slice_text
            )),
            identifiers.text
        )) as is_echo,

    from identifiers
    inner join responses on identifiers.response_id = responses.response_id
    inner join runs on responses.run_id = runs.run_id and responses.dataset = runs.dataset
    where runs.user_message is not null
    group by identifiers.run_id, identifiers.dataset, identifiers.record_id

),

echoes_per_run as (

    select
        run_id,
        dataset,
        avg(cast(is_echo as integer)) as prompt_echo_share,

    from echoes
    group by run_id, dataset

),

final as (

    select
        ---------- ids
        scored_runs.run_id,
        scored_runs.dataset,
        runs.llm,
        runs.prompt_level,
        runs.instruction_level,
        runs.variety,

        ---------- the score
        rows_per_run.row_count as rows_compared,
        scores.score as diversity,
        scores.score_low as diversity_low,
        scores.score_high as diversity_high,
        scores.identifier_diversity,
        scores.value_diversity,
        scores.row_diversity,

        ---------- rows
        scores.repeated_rows_share,
        scores.expected_repeated_rows_share,

        ---------- responses
        scores.shared_between_responses_share,
        scores.expected_shared_between_responses_share,

        ---------- the prompt
        echoes_per_run.prompt_echo_share,

    from scored_runs
    inner join runs on scored_runs.run_id = runs.run_id and scored_runs.dataset = runs.dataset
    inner join rows_per_run
    on scored_runs.run_id = rows_per_run.run_id
    and scored_runs.dataset = rows_per_run.dataset
    inner join scores on scored_runs.run_id = scores.run_id and scored_runs.dataset = scores.dataset
    left join echoes_per_run
    on scored_runs.run_id = echoes_per_run.run_id
    and scored_runs.dataset = echoes_per_run.dataset

)

select * from final
