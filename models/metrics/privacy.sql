with scores as (

    {{ wide_scores('privacy', [
        'leaks', 'copied_rows', 'copied_rows_any_case', 'reference_copied_share',
        'known_identifiers_share', 'reference_known_identifiers_share',
    ], is_of_runs=true) }}

),

leaks as (

    {{ wide_scores('leaks', [], is_of_runs=true) }}

),

copied as (

    {{ wide_scores('copied_share', [], is_of_runs=true) }}

),

nearer as (

    select
        run_id,
        dataset,
        value as share,
        low,
        high,

    from {{ ref('scores') }}
    where score_name = 'privacy_share' and subject = 'nearer_to_train'

),

scored_runs as (

    select * from {{ ref('int_scored_runs') }}

),

runs as (

    select
        *,
        lower(concat_ws(chr(10), developer_message, user_message)) as prompt,

    from {{ source('raw', 'llm_runs') }}

),

real_identifiers as (

    select * from {{ ref('int_identifiers') }}
    where run_id is null and text is not null

),

---------- rows of the reference whose identifiers all stand in the prompt

prompts as (

    select distinct
        dataset,
        prompt,

    from runs
    where user_message is not null

),

shown_rows as (

    select
        prompts.dataset,
        prompts.prompt,
        bool_and(contains(prompts.prompt, real_identifiers.text)) as is_shown,

    from prompts
    inner join real_identifiers on prompts.dataset = real_identifiers.dataset
    group by prompts.dataset, prompts.prompt, real_identifiers.record_id

),

shown_per_prompt as (

    select
        dataset,
        prompt,
        count(*) filter (where is_shown) as rows_in_prompt,

    from shown_rows
    group by dataset, prompt

),

final as (

    select
        ---------- ids
        scored_runs.run_id,
        scored_runs.dataset,

        ---------- the score: one less the worst of privacy_risks that is beyond chance
        scored_runs.rows_counted as rows_compared,
        scores.score as privacy,
        scores.score_low as privacy_low,
        scores.score_high as privacy_high,
        scores.note as privacy_note,
        scores.leaks = 1 as is_nearer_than_chance,
        leaks.note as leaks_because,
        case
            when runs.drawn_from is not null then 'drawn from the reference'
            when runs.user_message is null then 'not known, as the prompt is not'
            when shown_per_prompt.rows_in_prompt > 0 then 'the prompt shows rows of the reference'
            when shown_per_prompt.rows_in_prompt = 0
                then 'nothing to leak: the prompt shows no row of the reference'
            else 'not known, as the reference has no identifiers to look for in the prompt'
        end as exposure,
        shown_per_prompt.rows_in_prompt,

        ---------- copies
        cast(scores.copied_rows as bigint) as copied_rows,
        cast(scores.copied_rows_any_case as bigint) as copied_rows_any_case,
        copied.score as copied_share,
        copied.score_low as copied_share_low,
        copied.score_high as copied_share_high,
        scores.reference_copied_share,

        ---------- identifiers
        scores.known_identifiers_share,
        scores.reference_known_identifiers_share,

        ---------- the nearest real row
        nearer.share as nearer_share,
        nearer.low as nearer_share_low,
        nearer.high as nearer_share_high,

    from scored_runs
    inner join runs on scored_runs.run_id = runs.run_id and scored_runs.dataset = runs.dataset
    inner join scores on scored_runs.run_id = scores.run_id and scored_runs.dataset = scores.dataset
    inner join copied on scored_runs.run_id = copied.run_id and scored_runs.dataset = copied.dataset
    left join leaks on scored_runs.run_id = leaks.run_id and scored_runs.dataset = leaks.dataset
    left join nearer on scored_runs.run_id = nearer.run_id and scored_runs.dataset = nearer.dataset
    left join shown_per_prompt
    on scored_runs.dataset = shown_per_prompt.dataset and runs.prompt = shown_per_prompt.prompt

)

select * from final
