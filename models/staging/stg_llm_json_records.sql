{{ config(
    materialized='incremental',
    on_schema_change='sync_all_columns',
    pre_hook='{{ forget_rows_of_other_logic() }}',
) }}

{% set logic %}
---------- well-formed answers: up to each closing brace there is one flat object, and prose

split as (

    select
        response_id,
        dataset,
        string_split(parsed_text, '}') as parts,
        list_transform(
            parts[:-2], lambda part: part[instr(part, '{'):] || '}'
        ) as objects,
        coalesce(
            not contains(parts[-1], '{')
            and list_bool_and(list_transform(
                objects, lambda object: starts_with(object, '{') and json_valid(object)
            )),
            false
        ) as is_flat,
        if(is_flat, null, parsed_text) as awkward_text,

    from responses
    where contains(parsed_text, '{')

),

well_formed as materialized (

    select
        response_id,
        dataset,
        awkward_text,
        if(is_flat, objects, null) as objects,

    from split

),

---------- all others: what stands in braces

awkward as (

    select
        response_id,
        dataset,
        awkward_text,
        {{ json_pieces('awkward_text', 0) }} as pieces,
        len(list_filter(pieces, lambda piece: not ends_with(piece, '}'))) > 0 as has_open_brace,

    from well_formed
    where awkward_text is not null

),

-- A brace that nothing closes begins an object around the records, a record with objects in it, or a
-- record that was cut off. Which one is seen from where the labels are.
candidates as (

    select
        response_id,
        dataset,
        true as is_well_formed,
        false as has_open_brace,
        0 as depth,
        objects,

    from well_formed
    where objects is not null
    union all
    select
        response_id,
        dataset,
        false as is_well_formed,
        has_open_brace,
        0 as depth,
        pieces as objects,

    from awkward
    union all
    select
        response_id,
        dataset,
        false as is_well_formed,
        has_open_brace,
        1 as depth,
        {{ json_pieces('awkward_text', 1) }} as objects,

    from awkward
    where has_open_brace
    union all
    select
        response_id,
        dataset,
        false as is_well_formed,
        has_open_brace,
        2 as depth,
        {{ json_pieces('awkward_text', 2) }} as objects,

    from awkward
    where has_open_brace

),

objects as (

    select
        response_id,
        dataset,
        is_well_formed,
        has_open_brace,
        depth,
        unnest(objects) as record_text,
        generate_subscripts(objects, 1) as place,

    from candidates

),

---------- flat JSON is read by DuckDB, everything else by its parts: a field goes from key to key

marked as (

    select
        *,
        if(is_well_formed, true, depth = 0 and json_valid(record_text)) as is_flat_json,
        if(is_flat_json, null, list_transform(
            regexp_extract_all(
                {{ without_comments('record_text') }}, {{ sql_text(json_token_pattern()) }}
            ),
            lambda token: if(
                length(token) > 1 and token[1] in ('{', ',', chr(10)) and ends_with(token, ':'),
                {{ field_mark() }} || trim(token[2:-2], {{ blanks() }}) || {{ value_mark() }},
                token
            )
        )) as tokens,

    from objects

),

fields as (

    select
        * exclude (tokens),
        string_split(array_to_string(tokens, ''), {{ field_mark() }})[2:] as fields,

    from marked

),

named as (

    select
        * exclude (fields),
        if(
            is_flat_json,
            json_keys(record_text),
            list_transform(fields, lambda field: {{ unquoted(field_part('field', 1)) }})
        ) as field_names,
        list_transform(
            fields, lambda field: {{ unquoted(field_part('field', 2)) }}
        ) as field_values,

    from fields

),

---------- an object with a label of the contract is a record

counted as not materialized (

    select
        *,
        field_names = {{ labels() }} as is_in_order,
        if(is_in_order, len(field_names), {{ labels_among('field_names') }}) as labels_found,
        not ends_with(record_text, '}') as is_cut_off,

    from named

),

-- The depth at which whole objects have the most labels, the smallest if several have: an object around
-- the records has each label once, and the parts of a record have them not all.
labels_per_depth as (

    select
        response_id,
        depth,
        sum(if(is_cut_off, 0, labels_found)) as labels_found,

    from counted
    where has_open_brace
    group by response_id, depth

),

chosen_depths as (

    select
        response_id,
        arg_max(depth, 10 * labels_found - depth) as depth,

    from labels_per_depth
    group by response_id

),

records as (

    select
        counted.response_id || '-' || counted.place as record_id,
        counted.response_id,
        'json' as record_format,
        counted.record_text,
        if(counted.is_in_order, null, counted.field_names) as field_names,
        counted.field_values,
        counted.is_cut_off,

    from counted
    left join chosen_depths on counted.response_id = chosen_depths.response_id
    where
        counted.labels_found > 0
        and counted.depth = coalesce(chosen_depths.depth, 0)

)
{% endset %}

with responses as not materialized (

    select * from {{ ref('stg_llm_responses') }}
    {%- if is_incremental() %}
    where response_id not in (select response_id from {{ this }})
    {%- endif %}

),

{{ logic }}

select
    *,
    {{ sql_text(local_md5(logic)) }} as logic_hash,

from records
