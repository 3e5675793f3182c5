with copied_rows as (

    select * from {{ ref('int_copied_rows') }}

),

record_outcomes as (

    select * from {{ ref('int_record_outcomes') }}

),

response_audit as (

    select * from {{ ref('response_audit') }}
    where rows_accepted > 0

),

text_counts as (

    select * from {{ ref('int_text_counts') }}
    where is_identifier and text is not null

),

text_values as (

    select * from {{ ref('int_text_values') }}
    where is_identifier and run_number <= 0 and text is not null

),

nearest_rows as (

    select * from {{ ref('int_nearest_rows') }}

),

sampled_records as (

    select * from {{ ref('int_sampled_records') }}

),

scored_runs as (

    select * from {{ ref('int_scored_runs') }}

),

runs as (

    select * from {{ source('raw', 'llm_runs') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

---------- rows that stand in the reference

copies_per_response as (

    select
        record_outcomes.response_id,
        count(*) as copied,
        count(*) filter (where copied_rows.is_exact) as copied_exactly,

    from copied_rows
    inner join record_outcomes on copied_rows.record_id = record_outcomes.record_id
    where not copied_rows.is_real
    group by record_outcomes.response_id

),

responses as (

    select
        response_audit.run_id,
        response_audit.rows_accepted,
        coalesce(copies_per_response.copied, 0) as copied,
        coalesce(copies_per_response.copied_exactly, 0) as copied_exactly,

    from response_audit
    left join copies_per_response
    on response_audit.response_id = copies_per_response.response_id

),

copies_per_run as (

    select
        run_id,
        cast(sum(copied_exactly) as bigint) as copied_rows,
        cast(sum(copied) as bigint) as copied_rows_any_case,
        sum(copied) / sum(rows_accepted) as copied_share,
        {{ effective_size('copied', 'rows_accepted') }} as effective_size,

    from responses
    group by run_id

),

real_copies as (

    select
        reference_files.dataset,
        count(copied_rows.dataset) / any_value(reference_files.rows_landed) as copied_share,

    from reference_files
    left join copied_rows
    on reference_files.dataset = copied_rows.dataset
    and copied_rows.is_real
    group by reference_files.dataset

),

---------- identifiers that the train half has, against those of holdout rows that it has

known_texts as (

    select
        dataset,
        column_name,
        text,

    from text_counts
    where run_number = 0

),

identifiers as (

    select
        text_counts.dataset,
        text_counts.run_number,
        sum(text_counts.row_count) filter (where known_texts.text is not null)
        / sum(text_counts.row_count) as known_share,

    from text_counts
    left join known_texts
    on text_counts.dataset = known_texts.dataset
    and text_counts.column_name = known_texts.column_name
    and text_counts.text = known_texts.text
    where text_counts.run_number <> 0
    group by text_counts.dataset, text_counts.run_number

),

---------- the nearest real row: on the side that a prompt may show, or on the other

sides_per_response as (

    select
        nearest_rows.run_number,
        sampled_records.response_id,
        count(*) as row_count,
        sum(
            case
                when nearest_rows.distance_to_compared < nearest_rows.distance_to_held_out then 1
                when nearest_rows.distance_to_compared = nearest_rows.distance_to_held_out then 0.5
                else 0
            end
        ) as nearer,

    from nearest_rows
    inner join sampled_records on nearest_rows.record_id = sampled_records.record_id
    group by nearest_rows.run_number, sampled_records.response_id

),

sides_per_run as (

    select
        run_number,
        sum(nearer) / sum(row_count) as nearer_share,
        {{ effective_size('nearer', 'row_count') }} as effective_size,

    from sides_per_response
    group by run_number

),

medians as (

    select
        dataset,
        run_number,
        median(distance_to_compared) as distance,

    from nearest_rows
    group by dataset, run_number

),

---------- rows of the reference whose identifiers all stand in the prompt

prompts as (

    select distinct
        dataset,
        lower(concat_ws(chr(10), developer_message, user_message)) as prompt,

    from runs
    where user_message is not null

),

shown_identifiers as (

    select
        prompts.dataset,
        prompts.prompt,
        text_values.run_number,
        text_values.record_id,
        bool_and(contains(prompts.prompt, text_values.text)) as is_shown,

    from prompts
    inner join text_values on prompts.dataset = text_values.dataset
    group by prompts.dataset, prompts.prompt, text_values.run_number, text_values.record_id

),

shown_per_prompt as (

    select
        dataset,
        prompt,
        count(*) filter (where is_shown) as rows_in_prompt,

    from shown_identifiers
    group by dataset, prompt

),

measured as (

    select
        scored_runs.run_id,
        scored_runs.dataset,
        scored_runs.rows_accepted,
        copies_per_run.copied_rows,
        copies_per_run.copied_rows_any_case,
        copies_per_run.copied_share,
        {{ wilson_low('copies_per_run.copied_share', 'copies_per_run.effective_size') }}
            as copied_share_low,
        {{ wilson_high('copies_per_run.copied_share', 'copies_per_run.effective_size') }}
            as copied_share_high,
        real_copies.copied_share as reference_copied_share,
        identifiers.known_share as known_identifiers_share,
        real_identifiers.known_share as reference_known_identifiers_share,
        sides_per_run.nearer_share,
        {{ wilson_low('sides_per_run.nearer_share', 'sides_per_run.effective_size') }}
            as nearer_share_low,
        {{ wilson_high('sides_per_run.nearer_share', 'sides_per_run.effective_size') }}
            as nearer_share_high,
        medians.distance as median_distance,
        real_medians.distance as reference_median_distance,
        shown_per_prompt.rows_in_prompt,
        case
            when runs.drawn_from is not null then 'drawn from the reference'
            when runs.user_message is null then 'not known, as the prompt is not'
            when shown_per_prompt.rows_in_prompt > 0 then 'the prompt shows rows of the reference'
            when shown_per_prompt.rows_in_prompt = 0
                then 'nothing to leak: the prompt shows no row of the reference'
            else 'not known, as the reference has no identifiers to look for in the prompt'
        end as exposure,

    from scored_runs
    inner join runs on scored_runs.run_id = runs.run_id
    inner join copies_per_run on scored_runs.run_id = copies_per_run.run_id
    inner join real_copies on scored_runs.dataset = real_copies.dataset
    left join identifiers on scored_runs.run_number = identifiers.run_number
    left join identifiers as real_identifiers
    on scored_runs.dataset = real_identifiers.dataset
    and real_identifiers.run_number = -1
    left join sides_per_run on scored_runs.run_number = sides_per_run.run_number
    left join medians on scored_runs.run_number = medians.run_number
    left join medians as real_medians
    on scored_runs.dataset = real_medians.dataset
    and real_medians.run_number = -1
    left join shown_per_prompt
    on scored_runs.dataset = shown_per_prompt.dataset
    and lower(concat_ws(chr(10), runs.developer_message, runs.user_message))
    = shown_per_prompt.prompt

),

final as (

    select
        ---------- ids
        run_id,
        dataset,

        ---------- the score: rows that are no copy, beyond what chance makes of the reference
        rows_accepted as rows_compared,
        least(1, (1 - copied_share) / nullif(1 - reference_copied_share, 0)) as privacy,
        least(1, (1 - copied_share_high) / nullif(1 - reference_copied_share, 0)) as privacy_low,
        least(1, (1 - copied_share_low) / nullif(1 - reference_copied_share, 0)) as privacy_high,
        exposure,
        rows_in_prompt,

        ---------- copies
        copied_rows,
        copied_rows_any_case,
        copied_share,
        copied_share_low,
        copied_share_high,
        reference_copied_share,

        ---------- identifiers
        known_identifiers_share,
        reference_known_identifiers_share,

        ---------- the nearest real row
        nearer_share,
        nearer_share_low,
        nearer_share_high,
        median_distance,
        reference_median_distance,

    from measured

)

select * from final
