-- Up to each closing brace there is one flat object, and nothing but commas between.
{% set logic %}
{{ whole_responses() }}

in_objects as (

    select
        response_id,
        landed_number,
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
            parts[:-2], lambda part: trim(left(part, instr(part, '{') - 1), ', ' || chr(10) || chr(9))
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
        landed_number,
        dataset,
        is_unclear,
        unnest(flat_objects) as record_text,
        unnest(list_slice(name_lists, 1, len(flat_objects))) as field_names,
        generate_subscripts(flat_objects, 1) as place,

    from in_objects

),

records as (

    select
        response_id || '-' || place as record_id,
        response_id,
        landed_number,
        'json' as record_format,
        record_text,
        -- null where the contract's order holds, which is so for nearly all
        if(field_names = {{ labels() }}, null, field_names) as field_names,
        cast(null as varchar[]) as field_values,
        is_unclear,

    from objects

)
{% endset %}

{{ new_records(logic) }}
