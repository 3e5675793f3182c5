with distances as (

    select * from {{ ref('int_distances') }}

),

margins as (

    select * from {{ ref('int_score_margins') }}

),

column_sets as (

    select * from {{ ref('int_column_sets') }}
    where column_count = 2

),

cells as (

    select * from {{ ref('int_cells') }}

),

correlations as (

    select * from {{ ref('int_correlations') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

---------- mutual information, of which few rows show too much (Miller and Madow, 1955)

joint as (

    select
        cells.dataset,
        cells.run_number,
        cells.set_number,
        cells.row_count,
        cells.cell // 65536 as code_1,
        cells.cell % 65536 as code_2,
        sum(cells.row_count) over (partition by cells.run_number, cells.dataset, cells.set_number)
            as row_total,

    from cells
    inner join column_sets
    on cells.dataset = column_sets.dataset
    and cells.set_number = column_sets.set_number

),

with_marginals as (

    select
        *,
        sum(row_count) over (partition by dataset, run_number, set_number, code_1) as row_count_1,
        sum(row_count) over (partition by dataset, run_number, set_number, code_2) as row_count_2,

    from joint

),

informations as (

    select
        dataset,
        run_number,
        set_number,
        greatest(0, sum(
            row_count / row_total * ln(row_count * row_total / (row_count_1 * row_count_2))
        ) - (count(*) - count(distinct code_1) - count(distinct code_2) + 1)
        / (2 * any_value(row_total))) as mutual_information,

    from with_marginals
    group by dataset, run_number, set_number

),

final as (

    select
        ---------- ids
        distances.run_id,
        distances.dataset,
        column_sets.column_1,
        column_sets.column_2,

        ---------- the score
        distances.row_count as rows_compared,
        1 - distances.distance as contingency_similarity,
        1 - distances.expected_distance as expected_similarity,
        distances.score,
        distances.score - margins.margin as score_low,
        distances.score + margins.margin as score_high,

        ---------- two numbers
        correlations.correlation,
        real_correlations.correlation as reference_correlation,
        1 - abs(correlations.correlation - real_correlations.correlation) / 2
            as correlation_similarity,

        ---------- any two columns
        informations.mutual_information,
        real_informations.mutual_information as reference_mutual_information,

    from distances
    inner join column_sets
    on distances.dataset = column_sets.dataset
    and distances.set_number = column_sets.set_number
    inner join runs on distances.run_id = runs.run_id
    left join margins
    on distances.run_id = margins.run_id
    and distances.set_number = margins.set_number
    left join informations
    on runs.run_number = informations.run_number
    and distances.set_number = informations.set_number
    left join informations as real_informations
    on distances.dataset = real_informations.dataset
    and distances.set_number = real_informations.set_number
    and real_informations.run_number = 0
    left join correlations
    on runs.run_number = correlations.run_number
    and distances.set_number = correlations.set_number
    left join correlations as real_correlations
    on distances.dataset = real_correlations.dataset
    and distances.set_number = real_correlations.set_number
    and real_correlations.run_number = 0
    where distances.draw = 0

)

select * from final
