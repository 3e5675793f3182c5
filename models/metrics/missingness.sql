with distances as (

    select * from {{ ref('int_distances') }}
    where draw = 0

),

margins as (

    select * from {{ ref('int_score_margins') }}

),

column_sets as (

    select * from {{ ref('int_column_sets') }}
    where column_count = 0

),

cells as (

    select * from {{ ref('int_cells') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

shares as (

    select
        cells.dataset,
        cells.run_number,
        cells.set_number,
        sum(cells.row_count * cells.cell) / sum(cells.row_count) as missing_share,

    from cells
    inner join column_sets
    on cells.dataset = column_sets.dataset
    and cells.set_number = column_sets.set_number
    group by cells.dataset, cells.run_number, cells.set_number

),

final as (

    select
        ---------- ids
        distances.run_id,
        distances.dataset,
        column_sets.column_1 as column_name,

        ---------- the score
        distances.row_count as rows_compared,
        distances.score,
        distances.score - margins.margin as score_low,
        distances.score + margins.margin as score_high,

        ---------- what it is made of
        shares.missing_share,
        real_shares.missing_share as reference_missing_share,
        distances.distance,
        distances.expected_distance,

    from distances
    inner join column_sets
    on distances.dataset = column_sets.dataset
    and distances.set_number = column_sets.set_number
    inner join runs on distances.run_id = runs.run_id
    inner join shares
    on runs.run_number = shares.run_number
    and distances.set_number = shares.set_number
    left join shares as real_shares
    on distances.dataset = real_shares.dataset
    and distances.set_number = real_shares.set_number
    and real_shares.run_number = 0
    left join margins
    on distances.run_id = margins.run_id
    and distances.set_number = margins.set_number

)

select * from final
