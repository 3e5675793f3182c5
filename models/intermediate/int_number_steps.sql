-- How often each number stands in each run and in the reference, side by side.
with number_counts as (

    {% for dataset in var('datasets') %}
    (
        {{ number_counts(dataset) }}
    )
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

sizes as (

    select
        dataset,
        run_number,
        column_number,
        sum(row_count) as row_count,

    from number_counts
    group by dataset, run_number, column_number

),

final as (

    select
        number_counts.dataset,
        number_counts.run_number,
        number_counts.column_number,
        number_counts.number,
        number_counts.row_count / sizes.row_count as step,
        0 as real_step,

    from number_counts
    inner join sizes
    on number_counts.dataset = sizes.dataset
    and number_counts.run_number = sizes.run_number
    and number_counts.column_number = sizes.column_number
    where number_counts.run_number > 0

    union all

    select
        runs.dataset,
        runs.run_number,
        runs.column_number,
        number_counts.number,
        0 as step,
        number_counts.row_count / sizes.row_count as real_step,

    from sizes as runs
    inner join sizes
    on runs.dataset = sizes.dataset
    and runs.column_number = sizes.column_number
    and sizes.run_number = 0
    inner join number_counts
    on sizes.dataset = number_counts.dataset
    and sizes.column_number = number_counts.column_number
    and number_counts.run_number = 0
    where runs.run_number > 0

)

select * from final
