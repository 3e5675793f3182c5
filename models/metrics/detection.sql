with detected_rows as (

    select * from {{ ref('int_detected_rows') }}

),

sampled_records as (

    select * from {{ ref('int_sampled_records') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

-- Rows that are drawn together are one unit: a response, or else the row itself.
placed as (

    select
        detected_rows.dataset,
        detected_rows.run_number,
        detected_rows.rows_compared,
        detected_rows.is_real,
        case
            when runs.is_drawn_by_response and not detected_rows.is_real
                then sampled_records.response_id
            else detected_rows.record_id
        end as unit,
        detected_rows.placement,

    from detected_rows
    left join runs on detected_rows.run_number = runs.run_number
    left join sampled_records on detected_rows.record_id = sampled_records.record_id

),

sides as (

    select
        dataset,
        run_number,
        rows_compared,
        is_real,
        avg(placement) as auc,

    from placed
    group by dataset, run_number, rows_compared, is_real

),

units as (

    select
        placed.dataset,
        placed.run_number,
        placed.rows_compared,
        placed.is_real,
        placed.unit,
        sum(placed.placement - sides.auc) as deviation,
        count(*) as row_count,

    from placed
    inner join sides
    on placed.dataset = sides.dataset
    and placed.run_number = sides.run_number
    and placed.rows_compared = sides.rows_compared
    and placed.is_real = sides.is_real
    group by placed.dataset, placed.run_number, placed.rows_compared, placed.is_real, placed.unit

),

variances as (

    select
        dataset,
        run_number,
        rows_compared,
        is_real,
        count(*) / (count(*) - 1) * sum(power(deviation, 2)) / power(sum(row_count), 2) as variance,

    from units
    group by dataset, run_number, rows_compared, is_real

),

-- DeLong's variance of the AUC, over units; and as the folds share training rows, more of it by
-- Nadeau and Bengio's (2003) correction for five folds, 1 / 5 + 1 / 4 instead of 1 / 5.
errors as (

    select
        dataset,
        run_number,
        rows_compared,
        sqrt(sum(variance) * (1 + 5 / 4)) as standard_error,

    from variances
    group by dataset, run_number, rows_compared

),

aucs as (

    select
        sides.dataset,
        sides.run_number,
        sides.rows_compared,
        sides.auc,
        errors.standard_error,

    from sides
    inner join errors
    on sides.dataset = errors.dataset
    and sides.run_number = errors.run_number
    and sides.rows_compared = errors.rows_compared
    where not sides.is_real

),

final as (

    select
        ---------- ids
        runs.run_id,
        runs.dataset,

        ---------- the score
        aucs.rows_compared,
        2 * (1 - aucs.auc) as detection,
        detection - 2 * 1.959964 * aucs.standard_error as detection_low,
        detection + 2 * 1.959964 * aucs.standard_error as detection_high,

        ---------- what it is made of
        aucs.auc,
        real_aucs.auc as reference_auc,

    from aucs
    inner join runs on aucs.run_number = runs.run_number
    left join aucs as real_aucs
    on aucs.dataset = real_aucs.dataset
    and aucs.rows_compared = real_aucs.rows_compared
    and real_aucs.run_number = -1

)

select * from final
