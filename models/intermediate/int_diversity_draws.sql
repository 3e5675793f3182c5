-- Everything here is of the sample of a run: draw 0 is all of it, the others are halves.
with text_counts as (

    select * from {{ ref('int_text_counts') }}
    where run_number >= 0

),

cells as (

    select * from {{ ref('int_cells') }}
    where run_number = 0

),

block_cells as (

    select * from {{ ref('int_block_cells') }}

),

scored_columns as (

    select * from {{ ref('int_scored_columns') }}

),

drawn_columns as (

    select * from {{ ref('int_drawn_columns') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

run_draws as (

    select * from {{ ref('int_run_draws') }}

),

---------- identifiers, numbers, whole rows: how many are distinct, and how many of real rows

distinct_texts as (

    select
        text_counts.dataset,
        text_counts.run_number,
        text_counts.column_name,
        text_counts.is_identifier,
        run_draws.draw,
        run_draws.row_count,
        count(*) as distinct_values,

    from text_counts
    inner join run_draws on text_counts.run_number = run_draws.run_number
    anti join drawn_columns
    on text_counts.run_number = drawn_columns.run_number
    and text_counts.column_name = drawn_columns.column_name
    where array_inner_product(text_counts.rows_by_block, run_draws.is_drawn) > 0
    group by all

),

-- How many real values have one copy, how many two, and so on.
real_copies as (

    select
        dataset,
        column_name,
        row_count as copies,
        count(*) as value_count,
        sum(sum(row_count)) over (partition by dataset, column_name) as real_rows,

    from text_counts
    where run_number = 0
    group by dataset, column_name, row_count

),

sizes as (

    select distinct
        dataset,
        column_name,
        row_count,

    from distinct_texts

),

expected_texts as (

    select
        sizes.dataset,
        sizes.column_name,
        sizes.row_count,
        sum(real_copies.value_count * {{ chance_to_be_drawn(
            'real_copies.copies', 'real_copies.real_rows', 'sizes.row_count'
        ) }}) as expected_values,

    from sizes
    inner join real_copies
    on sizes.dataset = real_copies.dataset
    and sizes.column_name is not distinct from real_copies.column_name
    group by sizes.dataset, sizes.column_name, sizes.row_count

),

---------- categories, and numbers in bins: entropy, of which few rows show too little (Miller and
---------- Madow, 1955)

drawn_cells as (

    select
        block_cells.dataset,
        block_cells.run_number,
        block_cells.column_number,
        run_draws.draw,
        run_draws.row_count,
        array_inner_product(block_cells.rows_by_block, run_draws.is_drawn) as drawn,

    from block_cells
    inner join scored_columns
    on block_cells.dataset = scored_columns.dataset
    and block_cells.column_number = scored_columns.column_number
    inner join run_draws on block_cells.run_number = run_draws.run_number
    anti join drawn_columns
    on block_cells.run_number = drawn_columns.run_number
    and block_cells.column_number = drawn_columns.column_number

),

entropies as (

    select
        dataset,
        run_number,
        column_number,
        draw,
        row_count,
        ln(row_count) - sum(drawn * ln(drawn)) / row_count + (count(*) - 1) / (2 * row_count)
            as entropy,

    from drawn_cells
    where drawn > 0
    group by dataset, run_number, column_number, draw, row_count

),

real_shares as (

    select
        dataset,
        column_number,
        row_count,
        sum(row_count) over (partition by dataset, column_number) as real_rows,

    from cells

),

real_entropies as (

    select
        dataset,
        column_number,
        ln(any_value(real_rows))
        - sum(row_count * ln(row_count)) / any_value(real_rows)
        + (count(*) - 1) / (2 * any_value(real_rows)) as entropy,

    from real_shares
    group by dataset, column_number

),

measured as (

    select
        distinct_texts.dataset,
        distinct_texts.run_number,
        distinct_texts.column_name,
        'distinct values' as measure,
        case
            when distinct_texts.column_name is null then 'rows'
            when distinct_texts.is_identifier then 'identifiers'
            else 'values'
        end as part,
        distinct_texts.draw,
        distinct_texts.row_count,
        distinct_texts.distinct_values as measured,
        expected_texts.expected_values as expected,

    from distinct_texts
    inner join expected_texts
    on distinct_texts.dataset = expected_texts.dataset
    and distinct_texts.column_name is not distinct from expected_texts.column_name
    and distinct_texts.row_count = expected_texts.row_count

    union all

    select
        entropies.dataset,
        entropies.run_number,
        scored_columns.column_name,
        'entropy' as measure,
        -- Bins are those of the reference: a number in one bin may still be various, but elsewhere.
        if(scored_columns.is_number, null, 'values') as part,
        entropies.draw,
        entropies.row_count,
        entropies.entropy as measured,
        real_entropies.entropy as expected,

    from entropies
    inner join real_entropies
    on entropies.dataset = real_entropies.dataset
    and entropies.column_number = real_entropies.column_number
    inner join scored_columns
    on entropies.dataset = scored_columns.dataset
    and entropies.column_number = scored_columns.column_number

),

final as (

    select
        runs.run_id,
        measured.*,
        -- More variety than the reference has is no merit; a column that has none cannot show any.
        if(
            measured.expected > 1e-9 and measured.part is not null,
            least(1, greatest(0, measured.measured / measured.expected)),
            null
        ) as score,

    from measured
    inner join runs on measured.run_number = runs.run_number

)

select * from final
