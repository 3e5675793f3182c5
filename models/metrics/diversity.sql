with diversity_draws as (

    select * from {{ ref('int_diversity_draws') }}
    where part is not null

),

text_counts as (

    select * from {{ ref('int_text_counts') }}
    where is_identifier and text is not null

),

text_values as (

    select * from {{ ref('int_text_values') }}
    where is_identifier and text is not null

),

responses as (

    select * from {{ ref('stg_llm_responses') }}

),

scored_runs as (

    select * from {{ ref('int_scored_runs') }}

),

runs as (

    select * from {{ source('raw', 'llm_runs') }}

),

---------- the score: the mean of its parts, each the mean of its columns

parts_per_draw as (

    select
        run_id,
        draw,
        part,
        avg(score) as score,

    from diversity_draws
    group by run_id, draw, part

),

score_per_draw as (

    select
        run_id,
        draw,
        avg(score) as score,
        avg(score) filter (where part = 'identifiers') as identifier_diversity,
        avg(score) filter (where part = 'values') as value_diversity,
        avg(score) filter (where part = 'rows') as row_diversity,

    from parts_per_draw
    group by run_id, draw

),

spreads as (

    select
        run_id,
        stddev_samp(score) as spread,

    from score_per_draw
    where draw > 0
    group by run_id

),

---------- rows that repeat another one

repeated_rows as (

    select
        run_id,
        row_count as rows_compared,
        1 - measured / row_count as repeated_rows_share,
        greatest(0, 1 - expected / row_count) as expected_repeated_rows_share,

    from diversity_draws
    where part = 'rows' and draw = 0

),

---------- identifiers that another response of the run has too

responses_per_run as (

    select
        run_number,
        count(distinct response_id) as responses,
        count(distinct record_id) as row_count,

    from text_values
    where run_number > 0
    group by run_number

),

shared_per_run as (

    select
        run_number,
        sum(row_count) filter (where response_count > 1) / sum(row_count) as shared_share,

    from text_counts
    where run_number > 0
    group by run_number

),

real_copies as (

    select
        dataset,
        row_count as copies,
        sum(row_count) as row_count,
        sum(sum(row_count)) over (partition by dataset) as values_in_all,
        sum(sum(row_count)) over (partition by dataset, column_name) as real_rows,

    from text_counts
    where run_number = 0
    group by dataset, column_name, row_count

),

-- Real rows in as many responses: a value is shared where another response has a copy of it.
expected_shared as (

    select
        responses_per_run.run_number,
        sum(real_copies.row_count / real_copies.values_in_all * {{ chance_to_be_drawn(
            '(real_copies.copies - 1)',
            '(real_copies.real_rows - 1)',
            'round(responses_per_run.row_count * (1 - 1 / responses_per_run.responses))'
        ) }}) as shared_share,

    from responses_per_run
    inner join scored_runs on responses_per_run.run_number = scored_runs.run_number
    inner join real_copies on scored_runs.dataset = real_copies.dataset
    group by responses_per_run.run_number

),

---------- what stood in the prompt

echoes as (

    select
        text_values.run_number,
        text_values.record_id,
        -- All that the LLM had read when it wrote the record.
        bool_or(contains(
            lower(concat_ws(
                chr(10), runs.developer_message, runs.user_message, responses.slice_text
            )),
            text_values.text
        )) as is_echo,

    from text_values
    inner join responses on text_values.response_id = responses.response_id
    inner join runs on responses.run_id = runs.run_id
    where runs.user_message is not null
    group by text_values.run_number, text_values.record_id

),

echoes_per_run as (

    select
        run_number,
        avg(cast(is_echo as integer)) as prompt_echo_share,

    from echoes
    group by run_number

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
        repeated_rows.rows_compared,
        score_per_draw.score as diversity,
        score_per_draw.score - {{ margin('spreads.spread', 'scored_runs.blocks') }}
            as diversity_low,
        least(1, score_per_draw.score + {{ margin('spreads.spread', 'scored_runs.blocks') }})
            as diversity_high,
        score_per_draw.identifier_diversity,
        score_per_draw.value_diversity,
        score_per_draw.row_diversity,

        ---------- rows
        repeated_rows.repeated_rows_share,
        repeated_rows.expected_repeated_rows_share,

        ---------- responses
        if(responses_per_run.responses > 1, shared_per_run.shared_share, null)
            as shared_between_responses_share,
        if(responses_per_run.responses > 1, expected_shared.shared_share, null)
            as expected_shared_between_responses_share,

        ---------- the prompt
        echoes_per_run.prompt_echo_share,

    from scored_runs
    inner join runs on scored_runs.run_id = runs.run_id
    inner join score_per_draw
    on scored_runs.run_id = score_per_draw.run_id
    and score_per_draw.draw = 0
    inner join repeated_rows on scored_runs.run_id = repeated_rows.run_id
    left join spreads on scored_runs.run_id = spreads.run_id
    left join responses_per_run on scored_runs.run_number = responses_per_run.run_number
    left join shared_per_run on scored_runs.run_number = shared_per_run.run_number
    left join expected_shared on scored_runs.run_number = expected_shared.run_number
    left join echoes_per_run on scored_runs.run_number = echoes_per_run.run_number

)

select * from final
