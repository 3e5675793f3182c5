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
    The codes of a compact line, by accepted value: initial letters where they differ, or else A, B, C.
    Empty where the column is written in full. generators/wire_formats/layout.py makes the same ones; a
    test reads what it writes.
-#}
{% macro codes(column) %}
    {%- set values = column.get('accepted_values', []) | map('string') | list -%}
    {%- set letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ' -%}
    {%- set initials = [] -%}
    {%- for value in values if value[:1] | upper in letters and value[:1] | upper not in initials -%}
        {%- do initials.append(value[:1] | upper) -%}
    {%- endfor -%}
    {%- set found = initials if initials | length == values | length else (letters ~ '0123456789') | list -%}
    {%- set by_code = {} -%}
    {%- if 1 < values | length <= 36 -%}
        {%- for value in values -%} {%- do by_code.update({found[loop.index0]: value}) -%} {%- endfor -%}
    {%- endif -%}
    {%- set taken = [] -%}
    {%- for value in values if by_code.get(value | upper, value) != value -%}
        {%- do taken.append(value) -%}
    {%- endfor -%}
    {%- do return({} if taken or '-' in values else by_code) -%}
{% endmacro %}

{#- SQL of a value of a compact line: a code, or the days after another date. -#}
{% macro decoded_value(column, text) %}
    {%- set earlier = column.get('population', {}).get('days_after') -%}
    {%- if codes(column) -%}
        case upper({{ text }})
            {%- for code, value in codes(column).items() %}
            when {{ sql_text(code) }} then {{ sql_text(value) }}
            {%- endfor %}
            -- a value that was handed over
            else {{ typed_value(column, text) }}
        end
    {%- elif earlier -%}
        case
            when regexp_full_match({{ text }}, '[0-9]{1,5}') then {{ earlier }} + cast({{ text }} as integer)
            else {{ typed_value(column, text) }}
        end
    {%- else -%}
        {{ typed_value(column, text) }}
    {%- endif -%}
{% endmacro %}

{#- Whether a compact line writes a column in another way. -#}
{% macro is_compacted(column) %}
    {%- do return(
        codes(column) | length > 0
        or (column.get('population') or {}).get('days_after') is not none
        or column.kind == 'date'
    ) -%}
{% endmacro %}
