with synthetic_values as (

    select * from {{ ref('int_synthetic_values') }}

),

reference_values as (

    select * from {{ ref('int_reference_values') }}

),

reference_steps as (

    select
        dataset,
        column_name,
        number,
        count(*) as rows_at,
        sum(count(*)) over (partition by dataset, column_name order by number) as rows_up_to,
        sum(count(*)) over (partition by dataset, column_name) as rows_in_all,

    from reference_values
    where number is not null
    group by dataset, column_name, number

),

reference_categories as (

    select
        dataset,
        column_name,
        category,
        count(*) / sum(count(*)) over (partition by dataset, column_name) as share,

    from reference_values
    where category is not null
    group by dataset, column_name, category

),

numbers as (

    select
        synthetic_values.dataset,
        synthetic_values.run_id,
        synthetic_values.record_id,
        synthetic_values.column_name,
        synthetic_values.kind,
        synthetic_values.category,
        synthetic_values.number,
        cast(null as double) as reference_share,
        case
            when reference_steps.number is null then 0
            when reference_steps.number < synthetic_values.number
                then reference_steps.rows_up_to / reference_steps.rows_in_all
            else
                (reference_steps.rows_up_to - reference_steps.rows_at)
                / reference_steps.rows_in_all
        end as reference_share_below,
        coalesce(reference_steps.rows_up_to / reference_steps.rows_in_all, 0)
            as reference_share_up_to,

    from synthetic_values
    asof left join reference_steps
    on synthetic_values.dataset = reference_steps.dataset
    and synthetic_values.column_name = reference_steps.column_name
    and synthetic_values.number >= reference_steps.number
    where synthetic_values.number is not null

),

categories as (

    select
        synthetic_values.dataset,
        synthetic_values.run_id,
        synthetic_values.record_id,
        synthetic_values.column_name,
        synthetic_values.kind,
        synthetic_values.category,
        synthetic_values.number,
        coalesce(reference_categories.share, 0) as reference_share,
        cast(null as double) as reference_share_below,
        cast(null as double) as reference_share_up_to,

    from synthetic_values
    left join reference_categories
    on synthetic_values.dataset = reference_categories.dataset
    and synthetic_values.column_name = reference_categories.column_name
    and synthetic_values.category = reference_categories.category
    where synthetic_values.category is not null

),

final as (

    select * from numbers
    union all
    select * from categories

)

select * from final
