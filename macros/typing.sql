{#-
    Typing by contract kind. `text` is the SQL of a trimmed text, null where nothing was written.
    A value that does not fit becomes null and `reject_reason` says why; nothing is guessed.
-#}

{#- SQL of a value as text: trimmed, and null where a word says that there is none. -#}
{% macro written_text(column, text) -%}
    {%- set words = [] -%}
    {%- set lengths = [] -%}
    {%- set allowed = column.get('accepted_values', []) | map('string') | map('lower') | list -%}
    {%- set missing = column.get('missing_values', []) | map('string') | map('lower') | list -%}
    {%- for word in ['', 'null', 'none', 'nan', 'n/a'] + missing if word not in allowed -%}
        {%- do words.append(sql_text(word)) -%}
        {%- do lengths.append(word.encode() | length) -%}
    {%- endfor -%}
    if(
        strlen(trim({{ text }})) <= {{ lengths | max }} and lower(trim({{ text }})) in ({{ words | join(', ') }}),
        null,
        trim({{ text }})
    )
{%- endmacro %}

{#-
    SQL of a number as plain digits, null where the text is none: without the contract's unit (before or
    after it) and without separators of thousands, which stand before each group of three digits.
-#}
{% macro number_text(column, text) %}
    {%- set units = [] -%}
    {%- for unit in [column.unit or ''] + column.get('unit_synonyms', []) if unit -%}
        {%- do units.append(modules.re.escape(unit)) -%}
    {%- endfor -%}
    {%- set unit = '(?:' ~ units | join('|') ~ ')?' -%}
    {%- set decimals = '(?:[.]0*)?' if column.kind == 'integer'
        else '(?:[.][0-9]*)?(?:e[+-]?[0-9]{1,2})?' -%}
    {%- set groups = [] -%}
    {%- for separator in [',', "'", '[ \\x{A0}\\x{202F}]'] -%}
        {%- do groups.append('[0-9]{1,3}(?:' ~ separator ~ '[0-9]{3})+') -%}
    {%- endfor -%}
    {%- set pattern = '(?i)' ~ unit ~ '\\s*([+-]?)\\s*' ~ unit ~ '\\s*((?:' ~ groups | join('|')
        ~ '|[0-9]+)' ~ decimals ~ ')\\s*' ~ unit -%}
    case
        when regexp_full_match({{ text }}, '[+-]?[0-9]+{{ '' if column.kind == 'integer' else '([.][0-9]+)?' }}')
            then {{ text }}
        when regexp_full_match({{ text }}, {{ sql_text(pattern) }})
            then regexp_replace(
                regexp_replace({{ text }}, {{ sql_text('^' ~ pattern ~ '$') }}, '\1\2'),
                '[,''\s\x{A0}\x{202F}]', '', 'g'
            )
    end
{% endmacro %}

{#- A date with the day and month before the year. -#}
{% macro day_and_month_pattern() -%}
    ([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})
{%- endmacro %}

{#- SQL of whether 05/06/2023 may be in May or in June. -#}
{% macro is_ambiguous_date(text) %}
    (
        regexp_full_match({{ text }}, '{{ day_and_month_pattern() }}')
        and cast(regexp_extract({{ text }}, '{{ day_and_month_pattern() }}', 1) as integer) between 1 and 12
        and cast(regexp_extract({{ text }}, '{{ day_and_month_pattern() }}', 2) as integer) between 1 and 12
        and cast(regexp_extract({{ text }}, '{{ day_and_month_pattern() }}', 1) as integer)
        <> cast(regexp_extract({{ text }}, '{{ day_and_month_pattern() }}', 2) as integer)
    )
{% endmacro %}

{#- SQL of a date: year first, month in letters, or day and month that cannot be taken for each other. -#}
{% macro date_value(text) %}
    case
        when regexp_full_match({{ text }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}')
            then try_cast({{ text }} as date)
        when regexp_full_match(
            {{ text }},
            '[0-9]{4}([-/.])[0-9]{1,2}[-/.][0-9]{1,2}([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?( ?(Z|[+-][0-9:]+))?)?'
        )
            then try_cast(
                regexp_replace(
                    {{ text }}, '^([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2}).*$', '\1-\2-\3'
                ) as date
            )
        when regexp_full_match({{ text }}, '[0-9]{8}')
            then cast(try_strptime({{ text }}, '%Y%m%d') as date)
        when regexp_full_match({{ text }}, '{{ day_and_month_pattern() }}')
            then
                case
                    when not {{ is_ambiguous_date(text) }}
                        then coalesce(
                            try_cast(regexp_replace(
                                {{ text }}, '{{ day_and_month_pattern() }}', '\3-\2-\1'
                            ) as date),
                            try_cast(regexp_replace(
                                {{ text }}, '{{ day_and_month_pattern() }}', '\3-\1-\2'
                            ) as date)
                        )
                end
        when regexp_matches({{ text }}, '[A-Za-z]{3}')
            then cast(try_strptime(
                trim(regexp_replace(
                    regexp_replace({{ text }}, '([0-9])(?:st|nd|rd|th)\b', '\1'),
                    '[-,.\s]+', ' ', 'g'
                )),
                ['%d %b %Y', '%d %B %Y', '%b %d %Y', '%B %d %Y', '%Y %b %d', '%Y %B %d']
            ) as date)
    end
{% endmacro %}

{% macro typed_value(column, text) %}
    {%- if column.kind == 'categorical' -%}
        case lower({{ text }})
            {%- for value in column.accepted_values %}
            when {{ sql_text(value | string | lower) }} then {{ sql_text(value) }}
            {%- endfor %}
            {%- for synonym, value in column.get('synonyms', {}).items() %}
            when {{ sql_text(synonym | string | lower) }} then {{ sql_text(value) }}
            {%- endfor %}
            {%- if column.get('synonym_patterns') %}
            else case
                {%- for pattern, value in column.synonym_patterns.items() %}
                when regexp_full_match({{ text }}, {{ sql_text('(?i)' ~ pattern) }}) then {{ sql_text(value) }}
                {%- endfor %}
            end
            {%- endif %}
        end
    {%- elif column.kind == 'integer' -%}
        try_cast(try_cast({{ number_text(column, text) }} as decimal(38, 2)) as {{ column.data_type }})
    {%- elif column.kind == 'decimal' -%}
        try_cast({{ number_text(column, text) }} as {{ column.data_type }})
    {%- elif column.kind == 'date' -%}
        {{ date_value(text) }}
    {%- elif column.kind == 'identifier' -%}
        {{ text }}
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "Column " ~ column.name ~ " has kind '" ~ column.kind
            ~ "'. Use categorical, integer, decimal, date or identifier."
        ) }}
    {%- endif -%}
{% endmacro %}

{#- SQL of whether a value that was typed had been written in another way. -#}
{% macro is_normalised(column, text) %}
    {%- if column.kind == 'categorical' -%}
        {{ text }} <> {{ column.name }}
    {%- elif column.kind == 'date' -%}
        {{ text }} <> cast({{ column.name }} as varchar)
    {%- elif column.kind in ('integer', 'decimal') -%}
        {{ column.name }} <> coalesce(try_cast({{ text }} as double), {{ column.name }} + 1)
    {%- else -%}
        false
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
        when {{ text }} is null then {{ 'null' if column.get('nullable') else "'" ~ name ~ ".missing'" }}
        {%- if column.kind == 'date' %}
        when {{ name }} is null and {{ is_ambiguous_date(text) }} then '{{ name }}.ambiguous'
        {%- elif column.kind in ('integer', 'decimal') %}
        when {{ name }} is null and {{ number_text(column, text) }} is not null
            then '{{ name }}.out_of_range'
        {%- endif %}
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
    The logic of int_<dataset>_cast: one row per record of the CTE `records`, every column of the
    contract typed, with the reasons for which the record is rejected (an empty list where it is
    accepted). Its last CTE is `judged`.
-#}
{% macro cast_logic(dataset) %}
    {%- set columns = contract_columns(dataset) -%}

---------- which value belongs to which column; worked out once for each list of names

name_lists as (

    select distinct
        field_names,
        {{ plain_names('field_names') }} as plain_names,

    from records
    where field_names is not null

),

places as (

    select
        field_names,
        list_transform(
            {{ label_list(dataset, plain=true) }},
            lambda label: list_position(plain_names, label)
        ) as value_places,
        list_transform(
            {{ label_list(dataset, plain=true) }},
            lambda label: len(list_filter(plain_names, lambda name: name = label)) > 1
        ) as are_repeated,

    from name_lists

),

with_values as (

    select
        * exclude (field_values),
        -- Not kept for flat JSON: reading them takes less time than writing them down.
        coalesce(field_values, json_extract_string(record_text, '$.*')) as field_values,

    from records

),

split as (

    select
        with_values.record_id,
        with_values.run_id,
        with_values.response_id,
        with_values.parsed_with,
        with_values.is_cut_off,
        len(with_values.field_values)
        - coalesce(len(with_values.field_names), {{ columns | length }}) as values_too_many,
        if(
            with_values.field_names is null,
            with_values.field_values,
            list_transform(
                places.value_places, lambda place: with_values.field_values[place]
            )
        ) as texts,
        places.are_repeated,

    from with_values
    left join places on with_values.field_names = places.field_names

),

named as (

    select
        * exclude (texts),
        {%- for column in columns %}
        {{ written_text(column, 'texts[' ~ loop.index ~ ']') }} as {{ column.name }}_text,
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
        if(
            coalesce(false
                {%- for column in columns %}
                or {{ is_normalised(column, column.name ~ '_text') }}
                {%- endfor %}, false),
            list_filter([
                {%- for column in columns %}
                case when {{ is_normalised(column, column.name ~ '_text') }} then {{ sql_text(column.name) }} end,
                {%- endfor %}
            ], lambda name: name is not null),
            []
        ) as normalised_columns,

        ---------- judgement
        if(is_cut_off, ['cut_off'], list_filter([
            case
                when values_too_many > 0 then 'extra_values'
                when values_too_many < 0 then 'too_few_values'
            end,
            {%- for column in columns %}
            if(are_repeated[{{ loop.index }}], '{{ column.name }}.repeated', null),
            {{ reject_reason(column, column.name ~ '_text') }},
            {%- endfor %}
            {%- for rule in contract_rules(dataset) %}
            case when not ({{ rule.holds }}) then {{ sql_text(rule.name) }} end,
            {%- endfor %}
        ], lambda reason: reason is not null)) as reject_reasons,

        ---------- what made it
        parsed_with,

    from typed

)
{% endmacro %}

{#- The model behind int_<dataset>_cast. -#}
{% macro cast_records(dataset) %}
    {%- set logic = cast_logic(dataset) -%}
with records as not materialized (

    select * from {{ ref('stg_llm_records') }}
    where
        dataset = {{ sql_text(dataset) }}
        {%- if is_incremental() %}
        and response_id not in (select response_id from {{ this }})
        {%- endif %}

),

{{ logic }}

select
    *,
    {{ sql_text(local_md5(logic)) }} as logic_hash,

from judged
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
    len(normalised_columns) > 0 as was_normalised,
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

),

records as (

    select * from {{ ref('stg_llm_records') }}

)

select
    judged.record_id,
    judged.run_id,
    judged.response_id,
    judged.reject_reasons,
    records.record_text,

from judged
inner join records on judged.record_id = records.record_id
where len(judged.reject_reasons) > 0
{% endmacro %}
