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

{#- How many decimals a number has at most. -#}
{% macro decimals(column) %}
    {%- set found = modules.re.search(',\\s*(\\d+)', column.data_type or '') -%}
    {%- do return(0 if column.kind == 'integer' else found.group(1) | int if found else 2) -%}
{% endmacro %}

{#- SQL of whether a name has, in brackets, a unit that is none of the contract's: `Age (months)`. -#}
{% macro names_other_unit(column, name) -%}
    {%- set units = [] -%}
    {%- for unit in [column.unit or ''] + column.get('unit_synonyms', []) if unit -%}
        {%- do units.append(sql_text(unit | lower)) -%}
    {%- endfor -%}
    {%- if units -%}
        coalesce(
            regexp_matches({{ name }}, '(?i)[(\[]\s*(?:in\s+)?(?:{{ known_units() }})\s*[)\]]\W*$')
            and regexp_extract(lower({{ name }}), '[(\[]\s*(?:in\s+)?([^)\]]*?)\s*[)\]]\W*$', 1)
            not in ({{ units | join(', ') }}),
            false
        )
    {%- else -%} false
    {%- endif -%}
{%- endmacro %}

{#- What stands for a unit, or a multiple of one. -#}
{% macro known_units() -%}
    years?|yrs?|y|months?|mos?|weeks?|wks?|days?|d|hours?|hrs?|h|minutes?|mins?|seconds?|secs?
    {{- '|thousands?|millions?|k|m|cents?|usd|eur|gbp|inr|jpy|chf|cad|aud|[$€£₹¥]|%|percent' -}}
    |kg|g|mg|lbs?|pounds?|cm|mm|in|inches|ft|feet|°?[cf]|mmhg|kpa|bpm
{%- endmacro %}

{#- SQL of a text with digits and signs of full width as plain ones. -#}
{% macro narrow(text) -%}
    if(
        strlen({{ text }}) = length({{ text }}),
        {{ text }},
        translate({{ text }}, '０１２３４５６７８９．，－＋（）／：−', '0123456789.,-+()/:-')
    )
{%- endmacro %}

{#-
    A number: what opens it (group 1), its sign (2), its digits and separators (3), what closes it (4).
    The contract's unit may stand before or behind it.
-#}
{% macro number_pattern(column) -%}
    {%- set units = [] -%}
    {%- for unit in [column.unit or ''] + column.get('unit_synonyms', []) if unit -%}
        {%- do units.append(modules.re.escape(unit)) -%}
    {%- endfor -%}
    {%- set unit = '\\s*(?:' ~ units | join('|') ~ ')?\\s*' -%}
    {{- '(?i)' ~ unit ~ '([(]?)' ~ unit ~ '([+-]?)' ~ unit
        ~ "([0-9](?:[0-9.,']|[ \\x{A0}\\x{202F}][0-9]{3}\\b)*(?:e[+-]?[0-9]{1,2})?)"
        ~ unit ~ '([)-]?)' ~ unit -}}
{%- endmacro %}

{#- SQL of the digits and separators of a number, without those that can only stand between thousands. -#}
{% macro number_digits(column, text) -%}
    replace(regexp_replace(
        regexp_extract({{ narrow(text) }}, {{ sql_text('^' ~ number_pattern(column) ~ '$') }}, 3),
        '[ \x{A0}\x{202F}]', '', 'g'
    ), '''', '')
{%- endmacro %}

{#-
    SQL of a number as plain digits, null where the text is none or where it is unclear what its points
    and commas mean: 12.034 in a column of two decimals. `is_comma` is SQL of whether commas are decimal
    marks in the column; null where its values do not say.
-#}
{% macro number_text(column, text, is_comma) %}
    {%- set digits = number_digits(column, text) -%}
    {%- set is_exact = decimals(column) < 3 -%}
    case
        when regexp_full_match({{ text }}, '[+-]?(?:[0-9]+
                {%- if column.kind != 'integer' and is_exact -%}
                |[0-9]+[.][0-9]{1,2}|[0-9]+[.][0-9]{4,}|0[.][0-9]{3}|[0-9]{4,}[.][0-9]{3}
                {%- elif column.kind != 'integer' -%}
                |[0-9]+[.][0-9]+
                {%- endif -%} )')
            then {{ text }}
        when
            regexp_full_match({{ narrow(text) }}, {{ sql_text(number_pattern(column)) }})
            and contains({{ narrow(text) }}, '(') = contains({{ narrow(text) }}, ')')
            then
                {{ 'list_filter([' if column.kind == 'integer' }}
                if(
                    regexp_matches(
                        regexp_replace(
                            {{ narrow(text) }}, {{ sql_text('^' ~ number_pattern(column) ~ '$') }}, '\1\2\4'
                        ),
                        '[(-]'
                    ),
                    '-', ''
                ) || case
                    -- 1.234,50 and 1.234.567
                    when regexp_full_match({{ digits }}, '[0-9]{1,3}(?:[.][0-9]{3})+,[0-9]*|[0-9]{1,3}(?:[.][0-9]{3}){2,}')
                        then replace(replace({{ digits }}, '.', ''), ',', '.')
                    -- 1234,5
                    when regexp_full_match({{ digits }}, '[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})')
                        then replace({{ digits }}, ',', '.')
                    when regexp_full_match({{ digits }}, '[0-9]{1,3},[0-9]{3}') and {{ is_comma }} is true
                        then {{ 'null' if is_exact else 'replace(' ~ digits ~ ", ',', '.')" }}
                    -- 1,234,567.5
                    when regexp_full_match({{ digits }}, '(?i)[0-9]{1,3}(?:,[0-9]{3})+(?:[.][0-9]*)?(?:e.*)?')
                        then replace({{ digits }}, ',', '')
                    {%- if is_exact %}
                    when regexp_full_match({{ digits }}, '[1-9][0-9]{0,2}[.][0-9]{3}')
                        then case {{ is_comma }} when true then replace({{ digits }}, '.', '') when false then {{ digits }} end
                    {%- endif %}
                    when regexp_full_match({{ digits }}, '(?i)[0-9]+(?:[.][0-9]*)?(?:e.*)?') then {{ digits }}
                end
                {{ "], lambda number: regexp_full_match(number, '[+-]?[0-9]+(?:[.]0*)?'))[1]" if column.kind == 'integer' }}
    end
{% endmacro %}

{#- SQL of whether a text is a number of which it is unclear what its point or comma means. -#}
{% macro is_unclear_number(column, text) -%}
    (
        {{ decimals(column) }} < 3
        and regexp_full_match({{ narrow(text) }}, '[^0-9]*[1-9][0-9]{0,2}[.,][0-9]{3}[^0-9]*')
    )
{%- endmacro %}

{#- A number that shows that commas are decimal marks, and one that shows that points are. -#}
{% macro comma_pattern() -%}
    [0-9],(?:[0-9]{1,2}|[0-9]{4,})\D*|\D*[0-9]{1,3}(?:[.][0-9]{3})+,[0-9]*\D*|\D*[0-9]{1,3}(?:[.][0-9]{3}){2,}\D*
{%- endmacro %}

{% macro point_pattern() -%}
    \D*(?:[0-9]+[.](?:[0-9]{1,2}|[0-9]{4,})|0[.][0-9]+|[0-9]{4,}[.][0-9]+|[0-9]{1,3}(?:,[0-9]{3})+[.][0-9]*|[0-9]{1,3}(?:,[0-9]{3}){2,})\D*
{%- endmacro %}

{#- A date with the day and month before the year. -#}
{% macro day_and_month_pattern() -%}
    ([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})
{%- endmacro %}

{#- A time behind a date, of 12 or 24 hours, with or without its zone. -#}
{% macro time_pattern() -%}
    [T, ]\s*(?:at\s+)?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?\s*(?:[ap][.]?m[.]?)?\s*(?:Z|UTC|GMT|[+-][0-9]{2}:?(?:[0-9]{2})?)?
{%- endmacro %}

{#- SQL of the day in a date: without its weekday and its time, with plain digits. -#}
{% macro day_text(text) -%}
    trim(regexp_replace(
        regexp_replace(
            {{ narrow(text) }},
            '(?i)^(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?[.,]?\s+',
            ''
        ),
        '(?i){{ time_pattern() }}$',
        ''
    ))
{%- endmacro %}

{#- SQL of the first (1) or second (2) number of a date that ends with its year; null of any other text. -#}
{% macro day_or_month(text, place) -%}
    try_cast(regexp_extract({{ day_text(text) }}, '^{{ day_and_month_pattern() }}$', {{ place }}) as integer)
{%- endmacro %}

{#- SQL of whether it is unclear what is day, month or year: 05/06/2023, 05/06/21, 23-Nov-21. -#}
{% macro is_unclear_date(text) %}
    (
        (
            {{ day_or_month(text, 1) }} between 1 and 12
            and {{ day_or_month(text, 2) }} between 1 and 12
            and {{ day_or_month(text, 1) }} <> {{ day_or_month(text, 2) }}
        )
        or regexp_full_match({{ day_text(text) }}, {{ sql_text(short_year_pattern()) }})
    )
{% endmacro %}

{#- A date whose year has two digits: each of its numbers may be the year. -#}
{% macro short_year_pattern() -%}
    [0-9]{1,2}[-/. ]+(?:[0-9]{1,2}|[A-Za-z]{3,9})[-/. ]+'?[0-9]{2}
{%- endmacro %}

{#- SQL of the readings of a date with a year of two digits that lie within the contract's bounds. -#}
{% macro short_year_readings(column, text) -%}
    list_filter(
        list_distinct([
            {%- for form in ['%d %m %y', '%m %d %y', '%y %m %d', '%d %b %y', '%y %b %d', '%d %B %y', '%y %B %d'] %}
            {%- for century in (0, 100) %}
            cast(
                try_strptime(regexp_replace({{ day_text(text) }}, '[-/.'' ]+', ' ', 'g'), '{{ form }}')
                - interval {{ century }} year as date
            ),
            {%- endfor %}
            {%- endfor %}
        ]),
        lambda day: day between {{ bound(column, column.min) }} and {{ bound(column, column.max) }}
    )
{%- endmacro %}

{#-
    SQL of a date: year first, month in letters, or day and month that cannot be taken for each other.
    `is_day_first` is SQL of whether the day stands first in its column, null where that is unknown. A
    year of two digits is read where one reading alone lies within the contract's bounds.
-#}
{% macro date_value(column, text, is_day_first) %}
    {%- set pattern = day_and_month_pattern() -%}
    {%- set is_bounded = column.get('min') is not none and column.get('max') is not none -%}
    case
        when regexp_full_match({{ text }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}')
            then try_cast({{ text }} as date)
        when regexp_full_match({{ day_text(text) }}, '[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}')
            then try_cast(replace(replace({{ day_text(text) }}, '/', '-'), '.', '-') as date)
        when regexp_full_match({{ text }}, '[0-9]{8}')
            then cast(try_strptime({{ text }}, '%Y%m%d') as date)
        -- seconds and milliseconds since 1970
        when regexp_full_match({{ text }}, '1[0-9]{9}|1[0-9]{12}')
            then cast(
                make_timestamp(cast({{ text }} as bigint) * if(length({{ text }}) = 13, 1000, 1000000)) as date
            )
        when regexp_full_match({{ day_text(text) }}, '{{ pattern }}')
            then case
                when not {{ is_unclear_date(text) }}
                    then coalesce(
                        try_cast(regexp_replace({{ day_text(text) }}, '{{ pattern }}', '\3-\2-\1') as date),
                        try_cast(regexp_replace({{ day_text(text) }}, '{{ pattern }}', '\3-\1-\2') as date)
                    )
                when {{ is_day_first }} is true
                    then try_cast(regexp_replace({{ day_text(text) }}, '{{ pattern }}', '\3-\2-\1') as date)
                when {{ is_day_first }} is false
                    then try_cast(regexp_replace({{ day_text(text) }}, '{{ pattern }}', '\3-\1-\2') as date)
            end
        {%- if is_bounded %}
        when regexp_full_match({{ day_text(text) }}, {{ sql_text(short_year_pattern()) }})
            then if(
                len({{ short_year_readings(column, text) }}) = 1, {{ short_year_readings(column, text) }}[1], null
            )
        {%- endif %}
        when
            regexp_matches({{ text }}, '[A-Za-z]{3}')
            and regexp_matches({{ text }}, '(?:^|[^0-9])[0-9]{4}(?:[^0-9]|$)')
            then cast(try_strptime(
                trim(regexp_replace(
                    regexp_replace({{ day_text(text) }}, '([0-9])(?:st|nd|rd|th)\b', '\1'),
                    '[-,./\s]+', ' ', 'g'
                )),
                ['%d %b %Y', '%d %B %Y', '%b %d %Y', '%B %d %Y', '%Y %b %d', '%Y %B %d']
            ) as date)
    end
{% endmacro %}

{#- SQL of whether a text begins with a mark of a list, which may or may not belong to it. -#}
{% macro has_unclear_mark(text) -%}
    regexp_matches({{ text }}, '^(?:[-*•‣◦·>]\s|[(]?[0-9]{1,4}[.)]\s|[#][0-9]|[*][*]|```)')
{%- endmacro %}

{#-
    SQL of a typed value. `is_comma` and `is_day_first` are SQL of how numbers and dates are written in the
    column, as far as its values show it; nothing is known without them but that a point is a point.
-#}
{% macro typed_value(column, text, is_comma='false', is_day_first='cast(null as boolean)') %}
    {%- if column.kind == 'categorical' -%}
        case {{ category_key(column, text) }}
            {%- for value in column.accepted_values %}
            when {{ category_key(column, sql_text(value | string)) }} then {{ sql_text(value) }}
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
        try_cast(try_cast({{ number_text(column, text, is_comma) }} as decimal(38, 2)) as {{ column.data_type }})
    {%- elif column.kind == 'decimal' -%}
        try_cast({{ number_text(column, text, is_comma) }} as {{ column.data_type }})
    {%- elif column.kind == 'date' -%}
        {{ date_value(column, text, is_day_first) }}
    {%- elif column.kind == 'identifier' -%}
        {{ text }}
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "Column " ~ column.name ~ " has kind '" ~ column.kind
            ~ "'. Use categorical, integer, decimal, date or identifier."
        ) }}
    {%- endif -%}
{% endmacro %}

{#- SQL of what categories are compared by: no letter case, and 1.0 is 1 where all are numbers. -#}
{% macro category_key(column, text) -%}
    {%- set texts = column.accepted_values | map('string') | list -%}
    {%- set numbers = [] -%}
    {%- for value in texts if modules.re.fullmatch('-?[0-9]+([.]0+)?', value) -%}
        {%- do numbers.append(value) -%}
    {%- endfor -%}
    {%- if texts and numbers | length == texts | length -%}
        regexp_replace(lower({{ text }}), '^(-?[0-9]+)[.]0+$', '\1')
    {%- else -%}
        lower({{ text }})
    {%- endif -%}
{%- endmacro %}

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
        when {{ name }} is null and {{ is_unclear_date(text) }} then '{{ name }}.ambiguous'
        {%- elif column.kind in ('integer', 'decimal') %}
        when {{ name }} is null and {{ is_unclear_number(column, text) }} then '{{ name }}.ambiguous'
        when {{ name }} is null and {{ number_text(column, text, 'false') }} is not null
            then '{{ name }}.out_of_range'
        {%- elif column.kind == 'identifier' %}
        when {{ has_unclear_mark(text) }} then '{{ name }}.unclear_mark'
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
{% macro decoded_value(column, text, is_comma, is_day_first) %}
    {%- set earlier = column.get('population', {}).get('days_after') -%}
    {%- if codes(column) -%}
        case upper({{ text }})
            {%- for code, value in codes(column).items() %}
            when {{ sql_text(code) }} then {{ sql_text(value) }}
            {%- endfor %}
            -- a value that was handed over
            else {{ typed_value(column, text, is_comma, is_day_first) }}
        end
    {%- elif earlier -%}
        case
            when regexp_full_match({{ text }}, '[0-9]{1,5}') then {{ earlier }} + cast({{ text }} as integer)
            else {{ typed_value(column, text, is_comma, is_day_first) }}
        end
    {%- else -%}
        {{ typed_value(column, text, is_comma, is_day_first) }}
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
