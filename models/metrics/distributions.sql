with runs as (

    select * from {{ ref('int_scored_runs') }}

),

scored_columns as (

    select * from {{ ref('int_scored_columns') }}

),

cells as (

    select * from {{ ref('int_cells') }}

),

allowed_values as (

    select * from {{ ref('int_allowed_values') }}

),

number_steps as (

    select * from {{ ref('int_number_steps') }}

),

---------- categories: the values that the contract allows, and missing ones where there are any

categories as (

    select
        scored_columns.dataset,
        scored_columns.column_number,
        allowed_values.code,
        allowed_values.allowed_value,

    from scored_columns
    inner join allowed_values
    on scored_columns.dataset = allowed_values.dataset
    and scored_columns.column_name = allowed_values.column_name

    union all

    select distinct
        scored_columns.dataset,
        scored_columns.column_number,
        cells.cell as code,
        null as allowed_value,

    from cells
    inner join scored_columns
    on cells.dataset = scored_columns.dataset
    and cells.column_number = scored_columns.column_number
    where cells.cell = 0 and not scored_columns.is_number

),

shares as (

    select
        dataset,
        run_number,
        column_number,
        cell,
        row_count / sum(row_count) over (partition by dataset, run_number, column_number) as share,

    from cells

),

category_bars as (

    select
        runs.run_number,
        categories.dataset,
        categories.column_number,
        categories.code as bar_number,
        categories.allowed_value as category,
        cast(null as double) as low,
        cast(null as double) as high,
        coalesce(shares.share, 0) as share,
        coalesce(real_shares.share, 0) as reference_share,

    from runs
    inner join categories on runs.dataset = categories.dataset
    left join shares
    on runs.run_number = shares.run_number
    and categories.column_number = shares.column_number
    and categories.code = shares.cell
    left join shares as real_shares
    on categories.dataset = real_shares.dataset
    and categories.column_number = real_shares.column_number
    and categories.code = real_shares.cell
    and real_shares.run_number = 0

),

---------- numbers: bars of one width over the range of the reference, and one at each end for what
---------- lies outside

ranges as (

    select
        number_steps.dataset,
        number_steps.column_number,
        min(number_steps.number) as smallest,
        max(number_steps.number) as largest,
        any_value(scored_columns.kind) = 'decimal' as is_decimal,

    from number_steps
    inner join scored_columns
    on number_steps.dataset = scored_columns.dataset
    and number_steps.column_number = scored_columns.column_number
    where number_steps.real_step > 0
    group by number_steps.dataset, number_steps.column_number

),

-- Whole numbers get whole widths, or some bars would hold a number more than others.
widths as (

    select
        dataset,
        column_number,
        smallest,
        largest,
        coalesce(
            nullif(
                if(
                    is_decimal,
                    (largest - smallest) / {{ var('bars') }},
                    ceil((largest - smallest + 1) / {{ var('bars') }})
                ),
                0
            ),
            1
        ) as width,

    from ranges

),

placed as (

    select
        number_steps.run_number,
        number_steps.dataset,
        number_steps.column_number,
        widths.smallest,
        widths.width,
        number_steps.step,
        number_steps.real_step,
        case
            when number_steps.number < widths.smallest then 0
            when number_steps.number > widths.largest then {{ var('bars') + 1 }}
            else least(
                {{ var('bars') }},
                1 + floor((number_steps.number - widths.smallest) / widths.width)
            )
        end as bar_number,

    from number_steps
    inner join widths
    on number_steps.dataset = widths.dataset
    and number_steps.column_number = widths.column_number

),

number_bars as (

    select
        run_number,
        dataset,
        column_number,
        bar_number,
        cast(null as varchar) as category,
        if(bar_number = 0, null, smallest + (bar_number - 1) * width) as low,
        if(bar_number > {{ var('bars') }}, null, smallest + bar_number * width) as high,
        sum(step) as share,
        sum(real_step) as reference_share,

    from placed
    group by run_number, dataset, column_number, bar_number, smallest, width

),

---------- numbers that are missing: the others make up the rest of the rows

missing_numbers as (

    select
        runs.run_number,
        scored_columns.dataset,
        scored_columns.column_number,
        coalesce(shares.share, 0) as share,
        coalesce(real_shares.share, 0) as reference_share,

    from runs
    inner join scored_columns on runs.dataset = scored_columns.dataset
    left join shares
    on runs.run_number = shares.run_number
    and scored_columns.column_number = shares.column_number
    and shares.cell = 0
    left join shares as real_shares
    on scored_columns.dataset = real_shares.dataset
    and scored_columns.column_number = real_shares.column_number
    and real_shares.cell = 0
    and real_shares.run_number = 0
    where scored_columns.is_number

),

bars as (

    select * from category_bars

    union all

    select
        number_bars.* exclude (share, reference_share),
        number_bars.share * (1 - missing_numbers.share) as share,
        number_bars.reference_share * (1 - missing_numbers.reference_share) as reference_share,

    from number_bars
    inner join missing_numbers
    on number_bars.run_number = missing_numbers.run_number
    and number_bars.column_number = missing_numbers.column_number

    union all

    select
        run_number,
        dataset,
        column_number,
        {{ var('bars') + 2 }} as bar_number,
        null as category,
        null as low,
        null as high,
        share,
        reference_share,

    from missing_numbers
    where share > 0 or reference_share > 0

),

final as (

    select
        ---------- ids
        runs.run_id,
        bars.dataset,
        scored_columns.column_name,
        scored_columns.kind,
        cast(bars.bar_number as integer) as bar_number,

        ---------- the bar
        bars.category,
        bars.low,
        bars.high,

        ---------- shares
        bars.share,
        bars.reference_share,

    from bars
    inner join runs on bars.run_number = runs.run_number
    inner join scored_columns
    on bars.dataset = scored_columns.dataset
    and bars.column_number = scored_columns.column_number

)

select * from final
