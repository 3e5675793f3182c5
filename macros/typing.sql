{#-
    Typing by contract kind. `text` is the SQL of a trimmed text, null where nothing was written.
    A value that does not fit becomes null and `reject_reason` says why; nothing is guessed.
-#}

{% macro typed_value(column, text) %}
    {%- if column.kind == 'categorical' -%}
        case lower({{ text }})
            {%- for value in column.accepted_values %}
            when {{ sql_text(value | string | lower) }} then {{ sql_text(value) }}
            {%- endfor %}
            {%- for synonym, value in column.get('synonyms', {}).items() %}
            when {{ sql_text(synonym | string | lower) }} then {{ sql_text(value) }}
            {%- endfor %}
        end
    {%- elif column.kind == 'integer' -%}
        case
            when regexp_full_match({{ text }}, '[+-]?[0-9]+([.]0+)?')
                then try_cast({{ text }} as {{ column.data_type }})
        end
    {%- elif column.kind == 'decimal' -%}
        case
            when regexp_full_match({{ text }}, '[+-]?[0-9]+([.][0-9]+)?')
                then try_cast({{ text }} as {{ column.data_type }})
        end
    {%- elif column.kind == 'date' -%}
        case
            when regexp_full_match({{ text }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}')
                then try_cast({{ text }} as date)
        end
    {%- elif column.kind == 'identifier' -%}
        {{ text }}
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "Column " ~ column.name ~ " has kind '" ~ column.kind
            ~ "'. Use categorical, integer, decimal, date or identifier."
        ) }}
    {%- endif -%}
{% endmacro %}

{#- SQL of a bound as a literal of the column's type. -#}
{% macro bound(column, value) %}
    {%- if column.kind == 'date' -%} cast({{ sql_text(value) }} as date)
    {%- else -%} {{ value }}
    {%- endif -%}
{% endmacro %}

{#- SQL of the reason why a value is not accepted, null where it is. -#}
{% macro reject_reason(column, text) %}
    {%- set name = column.name -%}
    case
        when {{ text }} is null then '{{ name }}.missing'
        when {{ name }} is null
            then '{{ name }}.{{ "not_allowed" if column.kind == "categorical" else "unparseable" }}'
        {%- if column.get('min') is not none %}
        when {{ name }} < {{ bound(column, column.min) }} then '{{ name }}.out_of_range'
        {%- endif %}
        {%- if column.get('max') is not none %}
        when {{ name }} > {{ bound(column, column.max) }} then '{{ name }}.out_of_range'
        {%- endif %}
    end
{%- endmacro %}

{#-
    The model behind int_<dataset>_cast: one row per record found, every column of the contract typed,
    with the reasons for which the record is rejected (an empty list where it is accepted).
-#}
{% macro cast_records(dataset) %}
    {%- set columns = contract_columns(dataset) -%}

with records as (

    select * from {{ ref('stg_llm_records') }}
    where dataset = {{ sql_text(dataset) }}

),

split as (

    select
        record_id,
        run_id,
        response_id,
        record_text,
        coalesce(
            csv_values,
            json_extract_string(record_json, [
                {%- for column in columns %}
                '$."' || {{ sql_text(column.label) }} || '"'{{ ',' if not loop.last }}
                {%- endfor %}
            ])
        ) as texts,

    from records

),

named as (

    select
        record_id,
        run_id,
        response_id,
        record_text,
        len(texts) > {{ columns | length }} as has_extra_values,
        {%- for column in columns %}
        nullif(trim(texts[{{ loop.index }}]), '') as {{ column.name }}_text,
        {%- endfor %}

    from split

),

typed as (

    select
        *,
        {%- for column in columns %}
        {{ typed_value(column, column.name ~ '_text') }} as {{ column.name }},
        {%- endfor %}

    from named

),

judged as (

    select
        ---------- ids
        record_id,
        run_id,
        response_id,

        ---------- values
        {%- for column in columns %}
        {{ column.name }},
        {%- endfor %}
        coalesce(false
            {%- for column in columns if column.kind == 'categorical' %}
            or {{ column.name }}_text <> {{ column.name }}
            {%- endfor %}, false) as was_normalised,

        ---------- judgement
        list_filter([
            case when has_extra_values then 'extra_values' end,
            {%- for column in columns %}
            {{ reject_reason(column, column.name ~ '_text') }},
            {%- endfor %}
            {%- for rule in contract_rules(dataset) %}
            case when not ({{ rule.holds }}) then {{ sql_text(rule.name) }} end,
            {%- endfor %}
        ], lambda reason: reason is not null) as reject_reasons,

        ---------- as received
        record_text,

    from typed

)

select * from judged
{% endmacro %}

{#- The model behind a mart that carries a contract: its accepted records. -#}
{% macro accepted_records(dataset) %}
with judged as (

    select * from {{ ref('int_' ~ dataset ~ '_cast') }}

)

select
    record_id,
    run_id,
    response_id,
    was_normalised,
    {%- for column in contract_columns(dataset) %}
    {{ column.name }},
    {%- endfor %}

from judged
where len(reject_reasons) = 0
{% endmacro %}

{#- The model behind <dataset>_rejected: what was not accepted, why, and the text as it came. -#}
{% macro rejected_records(dataset) %}
with judged as (

    select * from {{ ref('int_' ~ dataset ~ '_cast') }}

)

select
    record_id,
    run_id,
    response_id,
    reject_reasons,
    record_text,

from judged
where len(reject_reasons) > 0
{% endmacro %}
