-- Draw 0 is every row of a run, the others are halves of its sample.
with cells as (

    select * from {{ ref('int_cells') }}

),

block_cells as (

    select * from {{ ref('int_block_cells') }}

),

run_draws as (

    select * from {{ ref('int_run_draws') }}
    where draw > 0

),

column_sets as (

    select * from {{ ref('int_column_sets') }}

),

drawn_sets as (

    select * from {{ ref('int_drawn_sets') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

real_cells as (

    select
        dataset,
        set_number,
        cell,
        row_count,
        row_count / sum(row_count) over (partition by dataset, set_number) as share,
        sum(row_count) over (partition by dataset, set_number) as real_rows,
        -- Cells that no compared row is in hold about as much as those that one is in (Good, 1953).
        count(*) filter (where row_count = 1) over (partition by dataset, set_number)
        / sum(row_count) over (partition by dataset, set_number) as unseen_share,

    from cells
    where run_number = 0

),

-- Three columns have too many cells for few rows.
runs_and_sets as (

    select
        runs.run_number,
        runs.rows_accepted,
        column_sets.dataset,
        column_sets.set_number,
        column_sets.is_number,

    from runs
    inner join column_sets on runs.dataset = column_sets.dataset
    anti join drawn_sets
    on runs.run_number = drawn_sets.run_number
    and column_sets.set_number = drawn_sets.set_number
    where
        column_sets.column_count < 3
        or runs.rows_accepted >= {{ var('fewest_rows_for_triples') }}

),

compared as (

    select
        dataset,
        run_number,
        set_number,
        is_number,
        0 as draw,
        rows_accepted as row_count,

    from runs_and_sets

    union all

    select
        runs_and_sets.dataset,
        runs_and_sets.run_number,
        runs_and_sets.set_number,
        runs_and_sets.is_number,
        run_draws.draw,
        run_draws.row_count,

    from runs_and_sets
    inner join run_draws on runs_and_sets.run_number = run_draws.run_number

),

beside_real as (

    select
        runs_and_sets.*,
        block_cells.cell,
        block_cells.rows_by_block,
        coalesce(real_cells.share, 0) as real_share,

    from runs_and_sets
    inner join block_cells
    on runs_and_sets.run_number = block_cells.run_number
    and runs_and_sets.set_number = block_cells.set_number
    left join real_cells
    on block_cells.dataset = real_cells.dataset
    and block_cells.set_number = real_cells.set_number
    and block_cells.cell = real_cells.cell

),

drawn as (

    select
        runs_and_sets.dataset,
        runs_and_sets.run_number,
        runs_and_sets.set_number,
        runs_and_sets.is_number,
        0 as draw,
        runs_and_sets.rows_accepted as row_count,
        cells.cell,
        cells.row_count / runs_and_sets.rows_accepted as share,
        coalesce(real_cells.share, 0) as real_share,

    from runs_and_sets
    inner join cells
    on runs_and_sets.run_number = cells.run_number
    and runs_and_sets.set_number = cells.set_number
    left join real_cells
    on cells.dataset = real_cells.dataset
    and cells.set_number = real_cells.set_number
    and cells.cell = real_cells.cell

    union all

    select
        beside_real.dataset,
        beside_real.run_number,
        beside_real.set_number,
        beside_real.is_number,
        run_draws.draw,
        run_draws.row_count,
        beside_real.cell,
        array_inner_product(beside_real.rows_by_block, run_draws.is_drawn) / run_draws.row_count
            as share,
        beside_real.real_share,

    from beside_real
    inner join run_draws on beside_real.run_number = run_draws.run_number

),

---------- categories, pairs and triples: total variation

total_variations as (

    select
        dataset,
        run_number,
        set_number,
        draw,
        row_count,
        -- Both sides sum to one, so that what one has too much of, the other has too little.
        sum(greatest(0, share - real_share)) as distance,

    from drawn
    where not is_number
    group by dataset, run_number, set_number, draw, row_count

),

---------- numbers: Kolmogorov-Smirnov, at the edges of the bins

steps as (

    select
        dataset,
        run_number,
        set_number,
        draw,
        row_count,
        cell,
        share as step,

    from drawn
    where is_number

    union all

    select
        compared.dataset,
        compared.run_number,
        compared.set_number,
        compared.draw,
        compared.row_count,
        real_cells.cell,
        -real_cells.share as step,

    from compared
    inner join real_cells
    on compared.dataset = real_cells.dataset
    and compared.set_number = real_cells.set_number
    where compared.is_number

),

gaps as (

    select
        dataset,
        run_number,
        set_number,
        draw,
        row_count,
        sum(sum(step)) over (
            partition by run_number, set_number, draw
            order by cell
        ) as gap,

    from steps
    group by dataset, run_number, set_number, draw, row_count, cell

),

largest_gaps as (

    select
        dataset,
        run_number,
        set_number,
        draw,
        row_count,
        max(abs(gap)) as distance,

    from gaps
    group by dataset, run_number, set_number, draw, row_count

),

distances as (

    select * from total_variations
    union all
    select * from largest_gaps

),

---------- noise floor: the distance that a perfect generator shows at this size

sizes as (

    select distinct
        dataset,
        set_number,
        is_number,
        row_count,

    from compared

),

cell_floors as (

    select
        dataset,
        set_number,
        cell,
        share * (1 - unseen_share) as seen_share,
        unseen_share,
        real_rows,
        power({{ expected_cell_distance('seen_share', 'real_rows') }}, 2) as real_part,

    from real_cells

),

floors as (

    select
        sizes.dataset,
        sizes.set_number,
        sizes.row_count,
        if(
            any_value(sizes.is_number),
            any_value({{ expected_ks_distance(
                '(sizes.row_count * cell_floors.real_rows / (sizes.row_count + cell_floors.real_rows))'
            ) }}),
            sum(sqrt(
                power({{ expected_cell_distance('cell_floors.seen_share', 'sizes.row_count') }}, 2)
                + cell_floors.real_part
            )) + any_value(cell_floors.unseen_share) / 2
        ) as expected_distance,

    from sizes
    inner join cell_floors
    on sizes.dataset = cell_floors.dataset
    and sizes.set_number = cell_floors.set_number
    group by sizes.dataset, sizes.set_number, sizes.row_count

),

final as (

    select
        ---------- ids
        distances.dataset,
        runs.run_id,
        distances.set_number,
        distances.draw,

        ---------- numbers
        distances.row_count,
        distances.distance,
        floors.expected_distance,
        (1 - distances.distance) / (1 - floors.expected_distance) as score,

    from distances
    inner join runs on distances.run_number = runs.run_number
    inner join floors
    on distances.dataset = floors.dataset
    and distances.set_number = floors.set_number
    and distances.row_count = floors.row_count

)

select * from final
