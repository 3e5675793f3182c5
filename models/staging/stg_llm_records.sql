{{ config(materialized='table') }}

with responses as (

    select * from {{ ref('stg_llm_responses') }}

),

labels as (

    {{ contract_labels() }}

),

---------- JSON: every flat object, wherever it stands in the text

json_found as (

    select
        response_id,
        regexp_extract_all(response_text, '\{[^{}]*\}') as objects,
        unnest(objects) as record_text,
        generate_subscripts(objects, 1) as place,

    from responses
    where regexp_matches(response_text, '\{\s*"')

),

json_uncommented as (

    select
        response_id,
        place,
        record_text,
        -- Behind a "//" inside a quoted value there is still its closing quote.
        regexp_replace(record_text, '(?m)//[^"\n]*$', '', 'g') as record_json,

    from json_found

),

json_records as (

    select
        response_id,
        place,
        'json' as record_format,
        record_text,
        -- Bare values such as 014 or 102A are no JSON. Quoted, they are read as they were written.
        if(
            json_valid(record_json),
            record_json,
            regexp_replace(
                record_json, '("\s*:\s*)([^"\s\[{][^,\n}]*?)(\s*[,\n}])', '\1"\2"\3', 'g'
            )
        ) as record_json,
        cast(null as varchar[]) as csv_values,

    from json_uncommented

),

---------- CSV: lines with at least half of the columns

csv_lines as (

    select
        responses.response_id,
        labels.labels,
        responses.is_truncated,
        string_split(replace(responses.response_text, chr(13), ''), chr(10)) as lines,
        generate_subscripts(lines, 1) as place,
        unnest(lines) as line,

    from responses
    inner join labels on responses.dataset = labels.dataset
    where not regexp_matches(responses.response_text, '\{\s*"')

),

csv_split as (

    select
        *,
        list_transform(
            regexp_extract_all(line || ',', '\s*("(?:[^"]|"")*"|[^,]*),', 1),
            lambda field: if(
                starts_with(field, '"'), replace(field[2:-2], '""', '"'), field
            )
        ) as csv_values,

    from csv_lines
    -- A response that was cut off ends in the middle of its last line.
    where not (coalesce(is_truncated, false) and place = len(lines))

),

csv_records as (

    select
        response_id,
        place,
        'csv' as record_format,
        line as record_text,
        cast(null as varchar) as record_json,
        csv_values,

    from csv_split
    where
        2 * len(csv_values) >= len(labels)
        and lower(trim(csv_values[1])) <> lower(labels[1])

),

records as (

    select * from json_records
    union all
    select * from csv_records

),

numbered as (

    select
        ---------- ids
        records.response_id || '-' || records.place as record_id,
        records.response_id,
        responses.run_id,
        responses.dataset,

        ---------- text
        records.record_format,
        records.record_text,
        -- Still no JSON: the record stays, and every value of it is missing.
        if(json_valid(records.record_json), records.record_json, null) as record_json,
        records.csv_values,

    from records
    inner join responses on records.response_id = responses.response_id

)

select * from numbered
