-- Half a 95 % interval of each score that is counted from codes, from the spread of its
-- half-samples. What a sample of a long run shows, shrinks with the root of the units that the run
-- has more.
with distances as (

    select * from {{ ref('int_distances') }}
    where draw > 0

),

column_sets as (

    select * from {{ ref('int_column_sets') }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

sampled_records as (

    select
        run_number,
        count(distinct unit) as units_sampled,

    from {{ ref('int_sampled_records') }}
    group by run_number

),

scores_per_draw as (

    select
        run_id,
        set_number,
        cast(null as integer) as column_count,
        draw,
        score,

    from distances

    union all

    -- the mean over all columns, all pairs, all triples
    select
        distances.run_id,
        null as set_number,
        column_sets.column_count,
        distances.draw,
        avg(distances.score) as score,

    from distances
    inner join column_sets
    on distances.dataset = column_sets.dataset
    and distances.set_number = column_sets.set_number
    group by distances.run_id, column_sets.column_count, distances.draw

),

spreads as (

    select
        run_id,
        set_number,
        column_count,
        stddev_samp(score) as spread,

    from scores_per_draw
    group by run_id, set_number, column_count

),

final as (

    select
        spreads.run_id,
        spreads.set_number,
        spreads.column_count,
        {{ margin('spreads.spread', 'runs.blocks') }}
        * sqrt(sampled_records.units_sampled / runs.units) as margin,

    from spreads
    inner join runs on spreads.run_id = runs.run_id
    inner join sampled_records on runs.run_number = sampled_records.run_number

)

select * from final
