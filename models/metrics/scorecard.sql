with runs as (

    select * from {{ ref('generation_runs') }}

),

response_audit as (

    select * from {{ ref('response_audit') }}
    where records_found > 0

),

scores as (

    select * from {{ ref('scores') }}
    where subject is null

),

detection as (

    select * from {{ ref('detection') }}

),

diversity as (

    select * from {{ ref('diversity') }}

),

plausibility as (

    select * from {{ ref('plausibility') }}
    where check_name is null

),

utility as (

    select * from {{ ref('utility') }}

),

privacy as (

    select * from {{ ref('privacy') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

validity as (

    select
        run_id,
        sum(rows_accepted) / sum(records_found) as accept_rate,
        {{ effective_size('rows_accepted', 'records_found') }} as effective_size,

    from response_audit
    group by run_id

),

-- Targets and learners look at the same rows, so their margins are not smaller together.
utility_per_run as (

    select
        run_id,
        avg(utility) as utility,
        avg(utility_low) as utility_low,
        avg(utility_high) as utility_high,
        if(count(utility) = 0, any_value(note), null) as note,

    from utility
    group by run_id

),

joined as (

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

        ---------- validity
        runs.rows_accepted,
        validity.accept_rate,
        {{ wilson_low('validity.accept_rate', 'validity.effective_size') }} as accept_rate_low,
        {{ wilson_high('validity.accept_rate', 'validity.effective_size') }} as accept_rate_high,

        ---------- realism
        column_fidelity.value as column_fidelity,
        column_fidelity.low as column_fidelity_low,
        column_fidelity.high as column_fidelity_high,
        pair_fidelity.value as pair_fidelity,
        pair_fidelity.low as pair_fidelity_low,
        pair_fidelity.high as pair_fidelity_high,
        missingness.value as missingness,
        missingness.low as missingness_low,
        missingness.high as missingness_high,
        detection.detection,
        detection.detection_low,
        detection.detection_high,

        ---------- diversity
        diversity.diversity,
        diversity.diversity_low,
        diversity.diversity_high,

        ---------- plausibility
        plausibility.plausible_share as plausibility,
        plausibility.plausible_share_low as plausibility_low,
        plausibility.plausible_share_high as plausibility_high,
        plausibility.reference_plausible_share as reference_plausibility,

        ---------- utility and privacy
        utility_per_run.utility,
        utility_per_run.utility_low,
        utility_per_run.utility_high,
        utility_per_run.note as utility_note,
        privacy.privacy,
        privacy.privacy_low,
        privacy.privacy_high,
        privacy.exposure as privacy_note,

        ---------- what was ours, cost and time
        runs.steered_share,
        runs.usd_per_1000_rows,
        runs.seconds_per_1000_rows,
        runs.tokens_per_row,

        ---------- what is missing, and why
        case
            when validity.accept_rate is null
                then 'no answer held a record: see metrics.unread_answers'
            when runs.rows_accepted = 0 then 'no record was accepted: see metrics.reject_reasons'
            when reference_files.reference is null then 'no reference table: synthcare reference'
            when column_fidelity.value is null
                then 'drawn from another reference: generate it again'
        end as not_scored_because,

    from runs
    left join validity on runs.run_id = validity.run_id
    left join scores as column_fidelity
    on runs.run_id = column_fidelity.run_id
    and column_fidelity.score_name = 'column_fidelity'
    left join scores as pair_fidelity
    on runs.run_id = pair_fidelity.run_id
    and pair_fidelity.score_name = 'pair_fidelity'
    left join scores as missingness
    on runs.run_id = missingness.run_id
    and missingness.score_name = 'missingness'
    left join detection on runs.run_id = detection.run_id
    left join diversity on runs.run_id = diversity.run_id
    left join plausibility on runs.run_id = plausibility.run_id
    left join utility_per_run on runs.run_id = utility_per_run.run_id
    left join privacy on runs.run_id = privacy.run_id
    left join reference_files on runs.dataset = reference_files.dataset

),

-- The five that ask how good the data are, as a geometric mean: none makes up for another. Its ends
-- are the means of theirs, as if all erred together, which is the widest that they can be.
final as (

    select
        * exclude (
            not_scored_because, steered_share,
            usd_per_1000_rows, seconds_per_1000_rows, tokens_per_row
        ),
        {%- for end in ['', '_low', '_high'] %}
        power(
            {%- for score in [
                'accept_rate', 'column_fidelity', 'pair_fidelity', 'detection', 'diversity'
            ] %}
            {{ '* ' if not loop.first }}if({{ score }}{{ end }} < 0, 0, {{ score }}{{ end }})
            {%- endfor %},
            1 / 5
        ) as overall{{ end }},
        {%- endfor %}
        steered_share,
        usd_per_1000_rows,
        seconds_per_1000_rows,
        tokens_per_row,
        not_scored_because,

    from joined

)

select * from final
