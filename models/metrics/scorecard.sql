with runs as (

    select * from {{ ref('generation_runs') }}

),

response_audit as (

    select * from {{ ref('response_audit') }}
    where records_found > 0

),

column_fidelity as (

    select * from {{ ref('column_fidelity') }}

),

pair_fidelity as (

    select * from {{ ref('pair_fidelity') }}

),

margins as (

    select * from {{ ref('int_score_margins') }}
    where set_number is null

),

missingness as (

    select * from {{ ref('missingness') }}

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

columns_per_run as (

    select
        run_id,
        avg(score) as score,

    from column_fidelity
    group by run_id

),

pairs_per_run as (

    select
        run_id,
        avg(score) as score,

    from pair_fidelity
    group by run_id

),

missingness_per_run as (

    select
        run_id,
        avg(score) as score,

    from missingness
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
        columns_per_run.score as column_fidelity,
        columns_per_run.score - column_margins.margin as column_fidelity_low,
        columns_per_run.score + column_margins.margin as column_fidelity_high,
        pairs_per_run.score as pair_fidelity,
        pairs_per_run.score - pair_margins.margin as pair_fidelity_low,
        pairs_per_run.score + pair_margins.margin as pair_fidelity_high,
        missingness_per_run.score as missingness,
        missingness_per_run.score - missing_margins.margin as missingness_low,
        missingness_per_run.score + missing_margins.margin as missingness_high,
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
            when runs.rows_accepted = 0 then 'no record was accepted: see metrics.reject_reasons'
            when reference_files.reference is null then 'no reference table: synthcare reference'
            when columns_per_run.score is null
                then 'drawn from another reference: generate it again'
        end as not_scored_because,

    from runs
    left join validity on runs.run_id = validity.run_id
    left join columns_per_run on runs.run_id = columns_per_run.run_id
    left join margins as column_margins
    on runs.run_id = column_margins.run_id
    and column_margins.column_count = 1
    left join pairs_per_run on runs.run_id = pairs_per_run.run_id
    left join margins as pair_margins
    on runs.run_id = pair_margins.run_id
    and pair_margins.column_count = 2
    left join missingness_per_run on runs.run_id = missingness_per_run.run_id
    left join margins as missing_margins
    on runs.run_id = missing_margins.run_id
    and missing_margins.column_count = 0
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
            not_scored_because, steered_share, usd_per_1000_rows, seconds_per_1000_rows, tokens_per_row
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
