-- Each line has as many values as were asked for.
{% set logic %}
{{ whole_responses() }}

in_lines as (

    select
        response_id,
        landed_number,
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
        landed_number,
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
        landed_number,
        is_unclear,
        unnest(csv_lines) as record_text,
        unnest(list_slice(values_of_lines, 1, len(csv_lines))) as field_values,
        generate_subscripts(csv_lines, 1) as place,

    from split

),

records as (

    select
        response_id || '-' || place as record_id,
        response_id,
        landed_number,
        'delimited' as record_format,
        record_text,
        cast(null as varchar[]) as field_names,
        field_values,
        is_unclear,

    from rows_of_values

)
{% endset %}

{{ new_records(logic) }}
