with distances as (

    select * from {{ ref('int_distances') }}
    where draw = 0

),

margins as (

    select * from {{ ref('int_score_margins') }}

),

column_sets as (

    select * from {{ ref('int_column_sets') }}
    where column_count = 3

),

final as (

    select
        ---------- ids
        distances.run_id,
        distances.dataset,
        column_sets.column_1,
        column_sets.column_2,
        column_sets.column_3,

        ---------- numbers
        distances.row_count as rows_compared,
        1 - distances.distance as contingency_similarity,
        1 - distances.expected_distance as expected_similarity,
        distances.score,
        distances.score - margins.margin as score_low,
        distances.score + margins.margin as score_high,

    from distances
    inner join column_sets
    on distances.dataset = column_sets.dataset
    and distances.set_number = column_sets.set_number
    left join margins
    on distances.run_id = margins.run_id
    and distances.set_number = margins.set_number

)

select * from final
