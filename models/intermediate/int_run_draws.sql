with sampled_records as (

    select * from {{ ref('int_sampled_records') }}

),

half_samples as (

    select * from {{ ref('int_half_samples') }}

),

blocks_per_run as (

    select
        run_number,
        max(block) as blocks,
        {{ by_block("count(*) filter (where block = {})") }} as rows_by_block,

    from sampled_records
    group by run_number

),

final as (

    select
        blocks_per_run.run_number,
        half_samples.draw,
        half_samples.is_drawn,
        cast(array_inner_product(blocks_per_run.rows_by_block, half_samples.is_drawn) as bigint)
            as row_count,

    from blocks_per_run
    inner join half_samples on blocks_per_run.blocks = half_samples.blocks

)

select * from final
