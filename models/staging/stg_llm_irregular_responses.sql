with responses as (

    select * from {{ ref('stg_llm_responses') }}

),

json_records as (

    select * from {{ ref('stg_llm_json_records') }}

),

csv_records as (

    select * from {{ ref('stg_llm_csv_records') }}

),

irregular as (

    select
        response_id,
        landed_number,
        response_text,
        coalesce(is_truncated, false) as is_truncated,
        ---------- what is looked for
        {{ labels() }} as labels,
        coalesce(written_fields, list_transform({{ labels() }}, lambda label: [label])) as fields,

    from responses
    where
        landed_number not in (select landed_number from json_records)
        and landed_number not in (select landed_number from csv_records)
        -- of a dataset that the project still has
        and labels is not null

)

select * from irregular
