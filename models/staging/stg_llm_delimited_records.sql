{{ config(
    materialized='incremental',
    on_schema_change='sync_all_columns',
    pre_hook=['{{ forget_rows_of_other_logic() }}', '{{ forget_lines_of_json() }}'],
) }}

{% set logic %}
---------- the delimiter that gives most lines as many values as the contract has columns

with_delimiter as (

    select
        response_id,
        dataset,
        parsed_text,
        len(written_fields) as fields_asked_for,
        coalesce(is_truncated, false) and not ends_with(parsed_text, chr(10)) as is_last_line_cut_off,
        {{ best_delimiter('parsed_text') }} as delimiter,

    from responses
    where
        regexp_matches(parsed_text, '[,;\t|]')
        and response_id not in (select response_id from json_records)

),

with_lines as (

    select
        response_id,
        dataset,
        delimiter,
        fields_asked_for,
        is_last_line_cut_off,
        {{ lines_by_delimiter('parsed_text') }} as lines,

    from with_delimiter

),

lines as (

    select
        response_id,
        dataset,
        delimiter,
        fields_asked_for,
        unnest(lines) as line,
        generate_subscripts(lines, 1) as place,
        is_last_line_cut_off and place = len(lines) as is_cut_off,

    from with_lines

),

split as (

    select
        response_id,
        dataset,
        line,
        place,
        is_cut_off,
        {{ values_by_delimiter('line') }} as field_values,
        coalesce(fields_asked_for, len({{ labels() }})) as labels_expected,
        {{ is_header('line', 'field_values') }} as is_header,

    from lines

),

---------- a header holds for the lines after it, up to the next one

headers as (

    select
        response_id,
        place,
        if(field_values = {{ labels() }}, null, field_values) as field_names,

    from split
    where is_header

),

rows_of_values as (

    select * from split
    where
        not is_header
        and (
            2 * len(field_values) >= labels_expected
            or (is_cut_off and len(field_values) > 1)
        )
        -- the line below the header of a Markdown table
        and not regexp_full_match(line, '[\s|:-]+')

),

records as (

    select
        rows_of_values.response_id || '-' || rows_of_values.place as record_id,
        rows_of_values.response_id,
        'delimited' as record_format,
        rows_of_values.line as record_text,
        headers.field_names,
        rows_of_values.field_values,
        rows_of_values.is_cut_off,

    from rows_of_values
    asof left join headers
    on rows_of_values.response_id = headers.response_id
    and rows_of_values.place >= headers.place

)
{% endset %}

with json_records as (

    select * from {{ ref('stg_llm_json_records') }}

),

responses as (

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
