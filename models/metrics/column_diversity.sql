with diversity_draws as (

    select * from {{ ref('int_diversity_draws') }}
    where column_name is not null

),

text_counts as (

    select * from {{ ref('int_text_counts') }}
    where run_number >= 0 and is_identifier and text is not null

),

cells as (

    select * from {{ ref('int_cells') }}

),

number_steps as (

    select * from {{ ref('int_number_steps') }}

),

scored_columns as (

    select * from {{ ref('int_scored_columns') }}

),

allowed_values as (

    select * from {{ ref('int_allowed_values') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

spreads as (

    select
        run_id,
        column_name,
        stddev_samp(score) as spread,

    from diversity_draws
    where draw > 0
    group by run_id, column_name

),

-- A number has distinct values, which are scored, and an entropy, which is not.
measured as (

    select
        run_id,
        dataset,
        run_number,
        column_name,
        max(part) as part,
        max(row_count) as rows_compared,
        max(score) as score,
        max(measured) filter (where measure = 'distinct values') as distinct_values,
        max(expected) filter (where measure = 'distinct values') as expected_distinct_values,
        max(measured) filter (where measure = 'entropy') as entropy,
        max(expected) filter (where measure = 'entropy') as reference_entropy,

    from diversity_draws
    where draw = 0
    group by run_id, dataset, run_number, column_name

),

---------- the most repeated value: of texts, of categories, of numbers

repeated_texts as (

    select
        dataset,
        run_number,
        column_name,
        text as repeated_value,
        row_count / sum(row_count) over (partition by dataset, run_number, column_name) as share,

    from text_counts

),

repeated_categories as (

    select
        cells.dataset,
        cells.run_number,
        allowed_values.column_name,
        allowed_values.allowed_value as repeated_value,
        cells.row_count / sum(cells.row_count) over (
            partition by cells.dataset, cells.run_number, cells.column_number
        ) as share,

    from cells
    inner join scored_columns
    on cells.dataset = scored_columns.dataset
    and cells.column_number = scored_columns.column_number
    inner join allowed_values
    on scored_columns.dataset = allowed_values.dataset
    and scored_columns.column_name = allowed_values.column_name
    and cells.cell = allowed_values.code

),

repeated_numbers as (

    select
        number_steps.dataset,
        number_steps.run_number,
        scored_columns.column_name,
        if(
            scored_columns.kind = 'date',
            strftime(date '1970-01-01' + cast(number_steps.number as integer), '%Y-%m-%d'),
            regexp_replace(cast(number_steps.number as varchar), '\.0$', '')
        ) as repeated_value,
        number_steps.step as share,
        number_steps.real_step as real_share,

    from number_steps
    inner join scored_columns
    on number_steps.dataset = scored_columns.dataset
    and number_steps.column_number = scored_columns.column_number

),

repeated as (

    select * from repeated_texts
    union all
    select * from repeated_categories
    union all
    select
        dataset,
        run_number,
        column_name,
        repeated_value,
        share,
    from repeated_numbers

),

most_repeated as (

    select
        run_number,
        dataset,
        column_name,
        arg_min(repeated_value, struct_pack(a := -share, b := repeated_value))
            as most_repeated_value,
        max(share) as most_repeated_share,

    from repeated
    where share > 0
    group by run_number, dataset, column_name

),

real_most_repeated as (

    select
        dataset,
        column_name,
        most_repeated_share,

    from most_repeated
    where run_number = 0

    union all

    select
        dataset,
        column_name,
        max(real_share) as most_repeated_share,

    from repeated_numbers
    group by dataset, column_name

),

final as (

    select
        ---------- ids
        measured.run_id,
        measured.dataset,
        measured.column_name,
        measured.part,

        ---------- the score
        measured.rows_compared,
        measured.score,
        measured.score - {{ margin('spreads.spread', 'runs.blocks') }} as score_low,
        least(1, measured.score + {{ margin('spreads.spread', 'runs.blocks') }}) as score_high,

        ---------- what it is made of
        measured.distinct_values,
        measured.expected_distinct_values,
        measured.entropy,
        measured.reference_entropy,

        ---------- the most repeated value
        most_repeated.most_repeated_value,
        most_repeated.most_repeated_share,
        real_most_repeated.most_repeated_share as reference_most_repeated_share,

    from measured
    inner join runs on measured.run_id = runs.run_id
    left join spreads
    on measured.run_id = spreads.run_id
    and measured.column_name = spreads.column_name
    left join most_repeated
    on measured.run_number = most_repeated.run_number
    and measured.column_name = most_repeated.column_name
    left join real_most_repeated
    on measured.dataset = real_most_repeated.dataset
    and measured.column_name = real_most_repeated.column_name

)

select * from final
