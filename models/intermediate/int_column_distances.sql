with value_codes as (

    select * from {{ ref('int_value_codes') }}

),

reference_values as (

    select * from {{ ref('int_reference_values') }}

),

half_samples as (

    select * from {{ ref('int_half_samples') }}

),

drawn as (

    select
        value_codes.*,
        half_samples.draw,

    from value_codes
    inner join half_samples on value_codes.record_id = half_samples.record_id

),

reference_counts as (

    select
        dataset,
        column_name,
        kind,
        category,
        count(*) as rows_counted,
        sum(count(*)) over (partition by dataset, column_name) as reference_rows,

    from reference_values
    group by dataset, column_name, kind, category

),

---------- categories: total variation

category_counts as (

    select
        dataset,
        run_id,
        column_name,
        kind,
        draw,
        reference_share,
        count(*) as rows_counted,
        sum(count(*)) over (partition by run_id, column_name, draw) as rows_compared,

    from drawn
    where category is not null
    group by dataset, run_id, column_name, kind, draw, category, reference_share

),

category_distances as (

    select
        dataset,
        run_id,
        column_name,
        kind,
        draw,
        rows_compared,
        -- Both sides sum to one, so that what one has too much of, the other has too little.
        sum(greatest(0, rows_counted / rows_compared - reference_share)) as distance,

    from category_counts
    group by dataset, run_id, column_name, kind, draw, rows_compared

),

---------- numbers and dates: Kolmogorov-Smirnov

ranked as (

    select
        dataset,
        run_id,
        column_name,
        kind,
        draw,
        reference_share_below,
        reference_share_up_to,
        count(*) over by_number as rows_up_to,
        count(*) over same_number as rows_at,
        count(*) over whole_draw as rows_compared,

    from drawn
    where number is not null
    window
        whole_draw as (partition by run_id, column_name, draw),
        same_number as (partition by run_id, column_name, draw, number),
        by_number as (partition by run_id, column_name, draw order by number)

),

number_distances as (

    select
        dataset,
        run_id,
        column_name,
        kind,
        draw,
        rows_compared,
        -- Between two synthetic values only the reference rises: the largest gap is at one.
        max(greatest(
            abs(rows_up_to / rows_compared - reference_share_up_to),
            abs((rows_up_to - rows_at) / rows_compared - reference_share_below)
        )) as distance,

    from ranked
    group by dataset, run_id, column_name, kind, draw, rows_compared

),

distances as (

    select * from category_distances
    union all
    select * from number_distances

),

---------- noise floor: the distance that a perfect generator shows at this size

sizes as (

    select distinct
        dataset,
        column_name,
        rows_compared,

    from distances

),

expected_distances as (

    select
        sizes.dataset,
        sizes.column_name,
        sizes.rows_compared,
        sum(
            case
                when reference_counts.kind = 'categorical'
                    then
                        sqrt(
                            power({{ expected_cell_distance(
                                'reference_counts.rows_counted / reference_counts.reference_rows',
                                'sizes.rows_compared'
                            ) }}, 2)
                            + power({{ expected_cell_distance(
                                'reference_counts.rows_counted / reference_counts.reference_rows',
                                'reference_counts.reference_rows'
                            ) }}, 2)
                        )
                else
                    {{ expected_ks_distance(
                        '(sizes.rows_compared * reference_counts.reference_rows '
                        ~ '/ (sizes.rows_compared + reference_counts.reference_rows))'
                    ) }}
            end
        ) as expected_distance,

    from sizes
    inner join reference_counts
    on sizes.dataset = reference_counts.dataset
    and sizes.column_name = reference_counts.column_name
    group by sizes.dataset, sizes.column_name, sizes.rows_compared

),

scored as (

    select
        ---------- ids
        distances.dataset,
        distances.run_id,
        distances.column_name,
        distances.kind,
        distances.draw,

        ---------- numbers
        distances.rows_compared,
        distances.distance,
        expected_distances.expected_distance,
        (1 - distances.distance) / (1 - expected_distances.expected_distance) as score,

    from distances
    inner join expected_distances
    on distances.dataset = expected_distances.dataset
    and distances.column_name = expected_distances.column_name
    and distances.rows_compared = expected_distances.rows_compared

)

select * from scored
