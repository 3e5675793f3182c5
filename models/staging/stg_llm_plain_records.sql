{{ config(
    materialized='incremental',
    on_schema_change='sync_all_columns',
    pre_hook='{{ forget_rows_of_other_logic() }}',
) }}

{% set logic %}
whole as (

    select
        response_id,
        dataset,
        replace(response_text, chr(13) || chr(10), chr(10)) as plain_text,
        coalesce(len(written_fields), len({{ labels() }})) as width,
        {{ is_unclear('response_text') }} as is_unclear,

    from responses
    where
        not coalesce(is_truncated, false)
        and not {{ has_odd_signs('response_text') }}

),

---------- JSON: up to each closing brace there is one flat object, and nothing but commas between

in_objects as (

    select
        response_id,
        dataset,
        is_unclear,
        -- without the object around the rows
        string_split(
            if(
                regexp_matches(plain_text, '^\s*\{\s*"rows"\s*:\s*\['),
                rtrim(plain_text[instr(plain_text, '['):], '} ' || chr(10)),
                plain_text
            ),
            '}'
        ) as parts,
        list_transform(
            parts[:-2], lambda part: trim(part[:instr(part, '{') - 1], ', ' || chr(10) || chr(9))
        ) as gaps,
        list_transform(parts[:-2], lambda part: part[instr(part, '{'):] || '}') as objects,
        list_transform(
            objects,
            lambda object: if(
                starts_with(object, '{') and not contains(object, '[') and json_valid(object),
                json_keys(object),
                []
            )
        ) as name_lists,
        -- An empty list instead of a filter, which would take the text apart once more.
        if(
            coalesce(
                trim(gaps[1], '`[ ' || chr(10)) in ('', 'json', 'JSON')
                and list_bool_and(list_transform(gaps[2:], lambda gap: gap = '')) is not false
                and trim(parts[-1], '`] ' || chr(10) || chr(9)) = ''
                and list_bool_and(list_transform(
                    list_distinct(name_lists),
                    lambda names: if(names = {{ labels() }}, true, {{ labels_among('names') }} > 0)
                )),
                false
            ),
            objects,
            []
        ) as flat_objects,

    from whole
    where contains(plain_text, '{')

),

objects as (

    select
        response_id,
        dataset,
        is_unclear,
        unnest(flat_objects) as record_text,
        unnest(name_lists[:len(flat_objects)]) as field_names,
        generate_subscripts(flat_objects, 1) as place,

    from in_objects

),

---------- CSV: each line has as many values as were asked for

in_lines as (

    select
        response_id,
        dataset,
        width,
        is_unclear,
        list_filter(
            string_split(
                -- without a fence
                if(
                    contains(plain_text, '```'),
                    rtrim(regexp_replace(plain_text, '^\s*```(?:csv)?\n', ''), '` ' || chr(10)),
                    plain_text
                ),
                chr(10)
            ),
            lambda line: trim(line) <> ''
        ) as all_lines,
        lower(replace(all_lines[1], ', ', ',')) = lower(array_to_string({{ labels() }}, ',')) as has_header,
        if(has_header, all_lines[2:], all_lines) as lines,

    from whole
    where
        width > 2
        and contains(plain_text, ',')
        and not regexp_matches(plain_text, '[<{\\]|`[^`\n]*\pL[^`\n]*`|[^\n`]`')

),

split as (

    select
        response_id,
        is_unclear,
        list_transform(lines, lambda line: {{ csv_values('line') }}) as values_of_lines,
        if(
            coalesce(
                list_bool_and(list_transform(lines, lambda line: {{ is_csv_line('line') }}))
                and not {{ names_a_column("array_to_string(lines, chr(10))") }}
                and list_bool_and(list_transform(values_of_lines, lambda line: len(line) = width))
                -- With few columns, a sentence with commas looks like a row.
                and (width > 5 or not list_bool_or(list_transform(lines, lambda line: regexp_matches(line, '[.:!?]\s*$'))))
                and list_bool_and(list_transform(values_of_lines, lambda line: {{ is_plain_start('line[1]') }})),
                false
            ),
            lines,
            []
        ) as csv_lines,

    from in_lines

),

rows_of_values as (

    select
        response_id,
        is_unclear,
        unnest(csv_lines) as record_text,
        unnest(values_of_lines[:len(csv_lines)]) as field_values,
        generate_subscripts(csv_lines, 1) as place,

    from split

),

records as (

    select
        response_id || '-' || place as record_id,
        response_id,
        'json' as record_format,
        record_text,
        -- null where the contract's order holds, which is so for nearly all
        if(field_names = {{ labels() }}, null, field_names) as field_names,
        cast(null as varchar[]) as field_values,
        is_unclear,

    from objects
    union all
    select
        response_id || '-' || place as record_id,
        response_id,
        'delimited' as record_format,
        record_text,
        cast(null as varchar[]) as field_names,
        field_values,
        is_unclear,

    from rows_of_values

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
