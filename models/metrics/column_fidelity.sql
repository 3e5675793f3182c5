with distances as (

    select * from {{ ref('int_distances') }}

),

margins as (

    select * from {{ ref('int_score_margins') }}

),

column_sets as (

    select * from {{ ref('int_column_sets') }}

),

cells as (

    select * from {{ ref('int_cells') }}

),

number_steps as (

    select * from {{ ref('int_number_steps') }}

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

---------- categories and bins: both sides of every cell

real_cells as (

    select * from cells
    where run_number = 0

),

runs_and_columns as (

    select
        runs.run_number,
        runs.run_id,
        column_sets.*,

    from runs
    inner join column_sets on runs.dataset = column_sets.dataset
    where column_sets.column_count = 1

),

counts as (

    select
        runs_and_columns.run_number,
        runs_and_columns.set_number,
        cells.cell,
        cells.row_count,
        0 as real_count,

    from runs_and_columns
    inner join cells
    on runs_and_columns.run_number = cells.run_number
    and runs_and_columns.set_number = cells.set_number

    union all

    select
        runs_and_columns.run_number,
        runs_and_columns.set_number,
        real_cells.cell,
        0 as row_count,
        real_cells.row_count as real_count,

    from runs_and_columns
    inner join real_cells
    on runs_and_columns.dataset = real_cells.dataset
    and runs_and_columns.set_number = real_cells.set_number

),

both_sides as (

    select
        run_number,
        set_number,
        cell,
        sum(row_count) as row_count,
        sum(real_count) as real_count,
        sum(sum(row_count)) over whole as row_total,
        sum(sum(real_count)) over whole as real_total,
        count(*) over whole as cell_count,

    from counts
    group by run_number, set_number, cell
    window whole as (partition by run_number, set_number)

),

shares as (

    select
        run_number,
        set_number,
        cell,
        row_count,
        real_count,
        row_total,
        real_total,
        row_count / row_total as share,
        real_count / real_total as real_share,
        (row_count / row_total + real_count / real_total) / 2 as mean_share,
        -- half a row more in each cell, so that none is empty
        (row_count + 0.5) / (row_total + cell_count / 2) as smooth_share,
        (real_count + 0.5) / (real_total + cell_count / 2) as real_smooth_share,

    from both_sides

),

missing as (

    select
        run_number,
        set_number,
        coalesce(sum(share) filter (where cell = 0), 0) as missing_share,
        coalesce(sum(real_share) filter (where cell = 0), 0) as real_missing_share,
        1 - missing_share as known_share,
        1 - real_missing_share as real_known_share,

    from shares
    group by run_number, set_number

),

---------- numbers, one by one: a missing one counts as smaller than any

by_number as (

    select
        number_steps.run_number,
        number_steps.set_number,
        -- Between two values only one side rises, and both have been counted at each.
        greatest(
            max(abs(
                missing.known_share * number_steps.share_up_to + missing.missing_share
                - missing.real_known_share * number_steps.real_share_up_to
                - missing.real_missing_share
            )),
            any_value(abs(missing.missing_share - missing.real_missing_share))
        ) as distance,
        sum(
            abs(number_steps.share_up_to - number_steps.real_share_up_to)
            * (number_steps.next_number - number_steps.number)
        ) as moved_distance,
        sqrt(
            sum(number_steps.real_step * power(number_steps.number, 2))
            - power(sum(number_steps.real_step * number_steps.number), 2)
        ) as real_spread,
        min(number_steps.number) filter (where number_steps.step > 0) as smallest,
        max(number_steps.number) filter (where number_steps.step > 0) as largest,
        min(number_steps.number) filter (where number_steps.real_step > 0) as real_smallest,
        max(number_steps.number) filter (where number_steps.real_step > 0) as real_largest,

    from number_steps
    inner join missing
    on number_steps.run_number = missing.run_number
    and number_steps.set_number = missing.set_number
    group by number_steps.run_number, number_steps.set_number

),

by_cell as (

    select
        run_number,
        set_number,
        greatest(0, sum(
            if(share > 0, share * log2(share / mean_share), 0)
            + if(real_share > 0, real_share * log2(real_share / mean_share), 0)
        ) / 2) as jensen_shannon_divergence,
        sum(real_smooth_share * ln(real_smooth_share / smooth_share))
            as kullback_leibler_divergence,
        -- Pearson's test of homogeneity of the two samples
        sum(
            power(row_count * real_total - real_count * row_total, 2)
            / (row_total * real_total * (row_count + real_count))
        ) as chi_square,
        count(*) - 1 as chi_square_degrees_of_freedom,
        count(*) filter (where row_count > 0 and real_count > 0)
        / count(*) filter (where real_count > 0) as category_coverage,

    from shares
    group by run_number, set_number

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
        set_number,
        dataset,
        cell,
        row_count / sum(row_count) over (partition by dataset, set_number) as share,

    from real_cells

),

as_written as (

    select
        written.run_id,
        written.dataset,
        written.column_name,
        column_sets.kind,
        column_sets.is_number,
        1 - sum(coalesce(written.allowed_count, 0)) / sum(written.record_count)
            as out_of_vocabulary_share,
        1 - sum(coalesce(written.verbatim_count, 0)) / sum(written.record_count)
            as raw_out_of_vocabulary_share,
        -- What is written otherwise is another category, which the reference does not have.
        1 - sum(least(
            coalesce(written.verbatim_count, 0) / written.records_found, real_shares.share
        )) as raw_distance,

    from written
    inner join column_sets
    on written.dataset = column_sets.dataset
    and written.column_name = column_sets.column_1
    and column_sets.column_count = 1
    left join real_shares
    on column_sets.dataset = real_shares.dataset
    and column_sets.set_number = real_shares.set_number
    and written.code = real_shares.cell
    group by all

),

measured as (

    select
        runs_and_columns.run_id,
        runs_and_columns.dataset,
        runs_and_columns.column_1 as column_name,
        runs_and_columns.kind,
        runs_and_columns.is_number,
        distances.row_count,
        coalesce(by_number.distance, distances.distance) as distance,
        distances.expected_distance,
        margins.margin,
        by_cell.* exclude (run_number, set_number),
        by_number.moved_distance / nullif(by_number.real_spread, 0) as wasserstein_distance,
        greatest(
            0,
            1 - (
                greatest(0, by_number.smallest - by_number.real_smallest)
                + greatest(0, by_number.real_largest - by_number.largest)
            ) / nullif(by_number.real_largest - by_number.real_smallest, 0)
        ) as range_coverage,

    from runs_and_columns
    inner join distances
    on runs_and_columns.run_id = distances.run_id
    and runs_and_columns.set_number = distances.set_number
    and distances.draw = 0
    left join margins
    on runs_and_columns.run_id = margins.run_id
    and runs_and_columns.set_number = margins.set_number
    left join by_number
    on runs_and_columns.run_number = by_number.run_number
    and runs_and_columns.set_number = by_number.set_number
    left join by_cell
    on runs_and_columns.run_number = by_cell.run_number
    and runs_and_columns.set_number = by_cell.set_number

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
        coalesce(measured.row_count, 0) as rows_compared,
        measured.distance,
        measured.expected_distance,
        (1 - measured.distance) / (1 - measured.expected_distance) as score,
        score - measured.margin as score_low,
        score + measured.margin as score_high,

        ---------- other distances
        measured.jensen_shannon_divergence,
        sqrt(measured.jensen_shannon_divergence) as jensen_shannon_distance,
        measured.kullback_leibler_divergence,
        measured.wasserstein_distance,
        measured.chi_square,
        measured.chi_square_degrees_of_freedom,
        if(measured.is_number, measured.range_coverage, measured.category_coverage) as coverage,

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
