with json_records as (

    select * from {{ ref('stg_llm_json_records') }}

),

delimited_records as (

    select * from {{ ref('stg_llm_delimited_records') }}

),

responses as (

    select * from {{ ref('stg_llm_responses') }}

),

records as (

    select * from json_records
    union all
    select * from delimited_records

),

joined as (

    select
        ---------- ids
        records.record_id,
        records.response_id,
        responses.run_id,
        responses.dataset,

        ---------- text
        records.record_format,
        records.record_text,
        records.field_names,
        records.field_values,
        records.is_cut_off,

        ---------- what made it
        records.logic_hash as parsed_with,

    from records
    inner join responses on records.response_id = responses.response_id

)

select * from joined
