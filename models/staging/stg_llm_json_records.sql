{{ config(materialized='incremental', pre_hook='{{ forget_rows_of_other_logic() }}') }}

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
        regexp_extract_all(
            awkward_text, {{ sql_text(json_piece_pattern(0)) }}
        ) as pieces,
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
    {%- for depth in [1, 2] %}
    union all
    select
        response_id,
        dataset,
        false as is_well_formed,
        has_open_brace,
        {{ depth }} as depth,
        regexp_extract_all(
            awkward_text, {{ sql_text(json_piece_pattern(depth)) }}
        ) as objects,

    from awkward
    where has_open_brace
    {%- endfor %}

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

tokenised as (

    select
        *,
        if(is_well_formed, true, depth = 0 and json_valid(record_text)) as is_flat_json,
        if(is_flat_json, null, regexp_extract_all(
            regexp_replace(
                regexp_replace(record_text, {{ sql_text(json_comment_pattern()) }}, '\1', 'g'),
                -- a line end within a quoted value
                '(:\s*"(?:[^"\\\n]|\\.)*)\n([^"\\\n]*"\s*[,}\]])', '\1\\n\2', 'g'
            ),
            {{ sql_text(json_token_pattern()) }}
        )) as tokens,
        list_filter(
            range(1, len(tokens) + 1),
            lambda i: length(tokens[i]) > 1 and tokens[i][1] in ('{', ',', chr(10))
            and ends_with(tokens[i], ':')
        ) as key_places,

    from objects

),

fields as (

    select
        * exclude (tokens, key_places),
        list_transform(
            key_places,
            lambda place: trim(tokens[place][2:-2], {{ blanks() }})
        ) as keys,
        list_transform(
            key_places,
            lambda place, number: trim(regexp_replace(
                array_to_string(
                    tokens[place + 1:coalesce(key_places[number + 1], len(tokens) + 1) - 1], ''
                ),
                -- the end of this object and of those around it
                '(?:[\s,\]]*\})*[\s,]*$', ''
            ), {{ blanks() }})
        ) as texts,

    from tokenised

),

named as (

    select
        * exclude (keys, texts),
        if(
            is_flat_json,
            json_keys(record_text),
            list_transform(keys, lambda text: {{ unquoted('text') }})
        ) as field_names,
        list_transform(texts, lambda text: {{ unquoted('text') }}) as field_values,

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
