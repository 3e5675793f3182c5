with text_values as (

    select * from {{ ref('int_text_values') }}

),

final as (

    select
        dataset,
        run_number,
        column_name,
        is_identifier,
        text,
        count(*) as row_count,
        count(distinct response_id) as response_count,
        {{ by_block("count(*) filter (where block = {})") }} as rows_by_block,

    from text_values
    group by dataset, run_number, column_name, is_identifier, text

)

select * from final
