-- The distribution functions of the numbers of each run and of the reference, side by side.
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
        set_number,
        sum(row_count) as row_count,

    from number_counts
    group by dataset, run_number, set_number

),

both_sides as (

    select
        number_counts.dataset,
        number_counts.run_number,
        number_counts.set_number,
        number_counts.number,
        number_counts.row_count / sizes.row_count as step,
        0 as real_step,

    from number_counts
    inner join sizes
    on number_counts.dataset = sizes.dataset
    and number_counts.run_number = sizes.run_number
    and number_counts.set_number = sizes.set_number
    where number_counts.run_number > 0

    union all

    select
        runs.dataset,
        runs.run_number,
        runs.set_number,
        number_counts.number,
        0 as step,
        number_counts.row_count / sizes.row_count as real_step,

    from sizes as runs
    inner join sizes
    on runs.dataset = sizes.dataset
    and runs.set_number = sizes.set_number
    and sizes.run_number = 0
    inner join number_counts
    on sizes.dataset = number_counts.dataset
    and sizes.set_number = number_counts.set_number
    and number_counts.run_number = 0
    where runs.run_number > 0

)

-- The frame of a window ends with the last of equal numbers: both sides of a number are counted.
select
    dataset,
    run_number,
    set_number,
    number,
    step,
    real_step,
    sum(step) over ascending as share_up_to,
    sum(real_step) over ascending as real_share_up_to,
    lead(number) over ascending as next_number,

from both_sides
window ascending as (partition by run_number, set_number order by number)
