with scores as (

    select * from {{ ref('scores') }}

),

scored_columns as (

    select * from {{ ref('int_scored_columns') }}

),

cells as (

    select * from {{ ref('int_cells') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

written_values as (

    select * from {{ ref('int_written_values') }}

),

reference_files as (

    select * from {{ source('raw', 'reference_files') }}

),

{% set names = [
    'jensen_shannon_divergence', 'jensen_shannon_distance', 'kullback_leibler_divergence',
    'wasserstein_distance', 'chi_square',
] -%}

measured as (

    select
        scores.run_id,
        scores.dataset,
        scores.subject as column_name,
        scored_columns.kind,
        runs.rows_accepted,
        max(scores.value) filter (where scores.score_name = 'column_fidelity') as score,
        max(scores.low) filter (where scores.score_name = 'column_fidelity') as score_low,
        max(scores.high) filter (where scores.score_name = 'column_fidelity') as score_high,
        max(scores.floor) filter (where scores.score_name = 'column_fidelity') as expected_distance,
        {%- for name in names + ['chi_square_degrees_of_freedom', 'coverage'] %}
        max(scores.value) filter (where scores.score_name = '{{ name }}') as {{ name }},
        {%- endfor %}

    from scores
    inner join runs on scores.run_id = runs.run_id
    inner join scored_columns
    on scores.dataset = scored_columns.dataset
    and scores.subject = scored_columns.column_name
    group by all

),

---------- as written: every record found, before anything was normalised or rejected, also of runs
---------- of which nothing was accepted

written as (

    select
        dataset,
        run_id,
        column_name,
        code,
        sum(record_count) as record_count,
        sum(record_count) filter (where is_allowed) as allowed_count,
        sum(record_count) filter (where is_allowed and not is_normalised) as verbatim_count,
        sum(sum(record_count)) over (partition by run_id, column_name) as records_found,

    from written_values
    group by dataset, run_id, column_name, code

),

real_shares as (

    select
        column_number,
        dataset,
        cell,
        row_count / sum(row_count) over (partition by dataset, column_number) as share,

    from cells
    where run_number = 0

),

as_written as (

    select
        written.run_id,
        written.dataset,
        written.column_name,
        scored_columns.kind,
        scored_columns.is_number,
        1 - sum(coalesce(written.allowed_count, 0)) / sum(written.record_count)
            as out_of_vocabulary_share,
        1 - sum(coalesce(written.verbatim_count, 0)) / sum(written.record_count)
            as raw_out_of_vocabulary_share,
        -- What is written otherwise is another category, which the reference does not have.
        1 - sum(least(
            coalesce(written.verbatim_count, 0) / written.records_found, real_shares.share
        )) as raw_distance,

    from written
    inner join scored_columns
    on written.dataset = scored_columns.dataset
    and written.column_name = scored_columns.column_name
    left join real_shares
    on scored_columns.dataset = real_shares.dataset
    and scored_columns.column_number = real_shares.column_number
    and written.code = real_shares.cell
    group by all

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
        coalesce(measured.rows_accepted, 0) as rows_compared,
        1 - measured.score * (1 - measured.expected_distance) as distance,
        measured.expected_distance,
        measured.score,
        measured.score_low,
        measured.score_high,

        ---------- other distances
        {%- for name in names %}
        measured.{{ name }},
        {%- endfor %}
        cast(measured.chi_square_degrees_of_freedom as bigint) as chi_square_degrees_of_freedom,
        measured.coverage,

        ---------- as written
        as_written.out_of_vocabulary_share,
        as_written.raw_out_of_vocabulary_share,
        if(as_written.is_number, null, as_written.raw_distance) as raw_distance,

    from measured
    full join as_written
    on measured.run_id = as_written.run_id
    and measured.column_name = as_written.column_name
    left join reference_files
    on coalesce(measured.dataset, as_written.dataset) = reference_files.dataset

)

select * from final
