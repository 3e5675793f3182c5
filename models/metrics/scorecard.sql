with runs as (

    select * from {{ ref('generation_runs') }}

),

headline_scores as (

    select * from {{ ref('int_headline_scores') }}

),

plausibility as (

    select * from {{ ref('plausibility') }}
    where check_name is null

),

-- Why a score is not known, or what it is of.
notes as (

    select
        run_id,
        dataset,
        max(note) filter (where score_name = 'utility') as utility_note,
        max(note) filter (where score_name = 'structure') as structure_note,
        max(note) filter (where score_name = 'interactions') as interactions_note,
        max(note) filter (where score_name = 'subgroups') as subgroups_note,

    from {{ ref('scores') }}
    where subject is null
    group by run_id, dataset

),

privacy as (

    select * from {{ ref('privacy') }}

),

-- A mean over many hides one that is off.
worst_columns as (

    select
        run_id,
        dataset,
        min_by(column_name, score) as worst_column,
        min(score) as worst_column_fidelity,

    from {{ ref('column_fidelity') }}
    group by run_id, dataset

),

worst_pairs as (

    select
        run_id,
        dataset,
        min_by(concat(column_1, ' and ', column_2), score) as worst_pair,
        min(score) as worst_pair_fidelity,

    from {{ ref('pair_fidelity') }}
    group by run_id, dataset

),

scored_runs as (

    select * from {{ ref('int_scored_runs') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

final as (

    select
        ---------- ids
        runs.run_id,
        runs.dataset,
        runs.llm,
        runs.provider,
        runs.prompt_level,
        runs.instruction_level,
        runs.variety,
        runs.wire_format,
        reference_files.reference,

        ---------- scores, each with its interval, in the order of the table headlines
        runs.rows_accepted,
        headline_scores.* exclude (run_id, dataset),

        ---------- what stands beside them
        plausibility.reference_plausible_share as reference_plausibility,
        notes.utility_note,
        notes.structure_note,
        notes.interactions_note,
        notes.subgroups_note,
        privacy.privacy_note,
        if(runs.provider = 'holdout', null, privacy.leaks_because) as leaks,
        worst_columns.worst_column,
        worst_columns.worst_column_fidelity,
        worst_pairs.worst_pair,
        worst_pairs.worst_pair_fidelity,

        ---------- what was ours, cost and time
        runs.steered_share,
        runs.usd_per_1000_rows,
        runs.seconds_per_1000_rows,
        runs.tokens_per_row,

        ---------- what is missing, and why
        case
            when runs.records_found = 0
                then 'no answer held a record: see metrics.unread_answers'
            when runs.rows_accepted = 0 then 'no record was accepted: see metrics.reject_reasons'
            when reference_files.reference is null then 'no reference table: synthcare reference'
            when scored_runs.run_id is null
                then 'drawn from another reference: generate it again'
        end as not_scored_because,

    from runs
    left join headline_scores
    on runs.run_id = headline_scores.run_id and runs.dataset = headline_scores.dataset
    left join plausibility
    on runs.run_id = plausibility.run_id and runs.dataset = plausibility.dataset
    left join notes on runs.run_id = notes.run_id and runs.dataset = notes.dataset
    left join privacy on runs.run_id = privacy.run_id and runs.dataset = privacy.dataset
    left join worst_columns
    on runs.run_id = worst_columns.run_id and runs.dataset = worst_columns.dataset
    left join worst_pairs on runs.run_id = worst_pairs.run_id and runs.dataset = worst_pairs.dataset
    left join scored_runs on runs.run_id = scored_runs.run_id and runs.dataset = scored_runs.dataset
    left join reference_files on runs.dataset = reference_files.dataset

)

select * from final
