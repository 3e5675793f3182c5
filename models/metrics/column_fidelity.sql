{% set names = [
    'jensen_shannon_divergence', 'jensen_shannon_distance', 'kullback_leibler_divergence',
    'wasserstein_distance', 'chi_square', 'chi_square_degrees_of_freedom', 'coverage',
] -%}

with scores as (

    {{ wide_scores('column_fidelity', names) }}

),

scored_columns as (

    select * from {{ ref('int_scored_columns') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

as_written as (

    select * from {{ ref('int_columns_as_written') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

measured as (

    select
        scores.* exclude (subject),
        scores.subject as column_name,
        scored_columns.kind,
        runs.rows_counted,

    from scores
    inner join runs on scores.run_id = runs.run_id and scores.dataset = runs.dataset
    inner join scored_columns
    on scores.dataset = scored_columns.dataset
    and scores.subject = scored_columns.column_name
    where scores.score is not null

),

final as (

    select
        ---------- ids
        coalesce(measured.run_id, as_written.run_id) as run_id,
        coalesce(measured.dataset, as_written.dataset) as dataset,
        coalesce(measured.column_name, as_written.column_name) as column_name,
        coalesce(measured.kind, as_written.kind) as kind,
        reference_files.reference,

        ---------- the score
        coalesce(measured.rows_counted, 0) as rows_compared,
        1 - measured.score * (1 - measured.floor) as distance,
        measured.floor as expected_distance,
        measured.score,
        measured.score_low,
        measured.score_high,

        ---------- other distances
        measured.jensen_shannon_divergence,
        measured.jensen_shannon_distance,
        measured.kullback_leibler_divergence,
        measured.wasserstein_distance,
        measured.chi_square,
        cast(measured.chi_square_degrees_of_freedom as bigint) as chi_square_degrees_of_freedom,
        measured.coverage,

        ---------- as written
        as_written.out_of_vocabulary_share,
        as_written.raw_out_of_vocabulary_share,
        if(as_written.is_number, null, as_written.raw_distance) as raw_distance,

    from measured
    full join as_written
    on measured.run_id = as_written.run_id
    and measured.dataset = as_written.dataset
    and measured.column_name = as_written.column_name
    left join reference_files
    on coalesce(measured.dataset, as_written.dataset) = reference_files.dataset

)

select * from final
