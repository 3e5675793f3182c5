with json_records as (

    select * from {{ ref('stg_llm_json_records') }}

),

csv_records as (

    select * from {{ ref('stg_llm_csv_records') }}

),

readings as (

    select * from {{ ref('stg_llm_readings') }}

),

responses as (

    select * from {{ ref('stg_llm_responses') }}

),

read_records as (

    select
        response_id,
        landed_number,
        taken_for,
        unnest(from_json(records, '[{
            "text": "VARCHAR",
            "names": ["VARCHAR"],
            "values": ["VARCHAR"],
            "is_cut_off": "BOOLEAN",
            "doubt": "VARCHAR"
        }]')) as record,
        generate_subscripts(from_json(records, '["JSON"]'), 1) as place,

    from readings

),

plain_records as (

    select * from json_records
    union all by name
    select * from csv_records

),

records as (

    select
        *,
        false as is_cut_off,
        cast(null as varchar) as doubt,

    from plain_records
    union all by name
    select
        response_id || '-' || place as record_id,
        response_id,
        landed_number,
        taken_for as record_format,
        record.text as record_text,
        record.names as field_names,
        record.values as field_values,
        {{ is_unclear('record.text') }} as is_unclear,
        record.is_cut_off,
        record.doubt,

    from read_records

),

joined as (

    select
        records.*,
        responses.run_id,
        responses.dataset,
        responses.wire_format,
        responses.quota_cells,
        responses.drawn_values,
        responses.parents,
        responses.has_keys,
        -- A line as it was asked for: other fields than the contract's columns, in their order.
        if(
            len(records.field_values) = len(responses.written_fields)
            -- A header that names all of them says in which order they are.
            and not coalesce(
                list_has_all(records.field_names, flatten(responses.written_fields)), false
            ),
            responses.written_fields,
            null
        ) as written_fields,

    from records
    inner join responses on records.landed_number = responses.landed_number

),

-- A field of several columns is a word with a character for each of them.
expanded as (

    select
        ---------- ids
        record_id,
        response_id,
        landed_number,
        run_id,
        dataset,

        ---------- text
        record_format,
        record_text,
        if(written_fields is null, field_names, flatten(written_fields)) as field_names,
        if(
            written_fields is null,
            field_values,
            flatten(list_transform(
                written_fields,
                lambda labels, place: if(
                    len(labels) > 1,
                    regexp_extract_all(trim(field_values[place]), '.'),
                    [field_values[place]]
                )
            ))
        ) as field_values,
        is_unclear,
        is_cut_off,
        doubt,

        ---------- what was asked for
        written_fields is not null and contains(wire_format, 'compact') as is_coded,
        quota_cells,
        drawn_values,
        parents,
        has_keys,

    from joined

)

select * from expanded
