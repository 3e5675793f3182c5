{#- Hyphens and dashes of typography that stand for a plain one. -#}
{% macro dashes() -%} ‐‑‒–− {%- endmacro %}

{#- A date with the day and month before the year. -#}
{% macro day_and_month_pattern() -%}
    ([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})
{%- endmacro %}

{#- A time behind a date, of 12 or 24 hours, with or without its zone. -#}
{% macro time_pattern() -%}
    [T, ]\s*(?:at\s+)?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?\s*(?:[ap][.]?m[.]?)?\s*(?:Z|UTC|GMT|[+-][0-9]{2}:?(?:[0-9]{2})?)?
{%- endmacro %}

{#-
    SQL of the day in a date: without its weekday and its time, with plain digits. Dashes are plain, and so are
    2023 - 01 - 05 and 2023 01 05; a dash beside a hyphen is left, as 2022-10–12 may be three months.
-#}
{% macro day_text(text) -%}
    if(
        regexp_full_match({{ text }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}'),
        {{ text }},
        regexp_replace(
            trim(regexp_replace(
                regexp_replace(
                    if(
                        contains({{ text }}, '-'),
                        {{ narrow(text) }},
                        translate({{ narrow(text) }}, '{{ dashes() }}', '-----')
                    ),
                    '(?i)^(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?[.,]?\s+',
                    ''
                ),
                '(?i){{ time_pattern() }}$',
                ''
            )),
            '^([0-9]{1,4})(?: ?- ?([0-9]{1,2}) ?- ?|[.]? ([0-9]{1,2})[.]? )([0-9]{4}|[0-9]{1,2})$',
            '\1-\2\3-\4'
        )
    )
{%- endmacro %}

{#- SQL of the first (1) or second (2) number of a day that ends with its year; null of any other text. -#}
{% macro day_or_month(day, place) -%}
    try_cast(regexp_extract({{ day }}, '^{{ day_and_month_pattern() }}$', {{ place }}) as integer)
{%- endmacro %}

{#- SQL of whether it is unclear what is day, month or year: 05/06/2023, 05/06/21, 23-Nov-21. -#}
{% macro is_unclear_date(day) %}
    (
        (
            {{ day_or_month(day, 1) }} between 1 and 12
            and {{ day_or_month(day, 2) }} between 1 and 12
            and {{ day_or_month(day, 1) }} <> {{ day_or_month(day, 2) }}
        )
        or regexp_full_match({{ day }}, {{ sql_text(short_year_pattern()) }})
    )
{% endmacro %}

{#- A date whose year has two digits: each of its numbers may be the year. -#}
{% macro short_year_pattern() -%}
    [0-9]{1,2}[-/. ]+(?:[0-9]{1,2}|[A-Za-z]{3,9})[-/. ]+'?[0-9]{2}
{%- endmacro %}

{#- SQL of a date with a year of two digits, where one reading alone lies within the contract's bounds. -#}
{% macro short_year_date(column, day) -%}
    list_transform(
        [regexp_replace({{ day }}, '[-/.'' ]+', ' ', 'g')],
        lambda written: list_transform(
            [list_filter(
                list_distinct([
                    {%- for form in ['%d %m %y', '%m %d %y', '%y %m %d', '%d %b %y', '%y %b %d', '%d %B %y', '%y %B %d'] %}
                    {%- for century in (0, 100) %}
                    cast(try_strptime(written, '{{ form }}') - interval {{ century }} year as date),
                    {%- endfor %}
                    {%- endfor %}
                ]),
                lambda reading: reading between {{ bound(column, column.min) }} and {{ bound(column, column.max) }}
            )],
            lambda readings: if(len(readings) = 1, readings[1], null)
        )[1]
    )[1]
{%- endmacro %}

{#-
    SQL of a date: year first, month in letters, or day and month that cannot be taken for each other.
    `is_day_first` is SQL of whether the day stands first in its column, null where that is unknown. A
    year of two digits is read where one reading alone lies within the contract's bounds.
-#}
{% macro date_value(column, is_day_first) %}
    {%- set text = '_text_' ~ column.name -%}
    {%- set day = '_day_' ~ column.name -%}
    {%- set pattern = day_and_month_pattern() -%}
    {%- set is_bounded = column.get('min') is not none and column.get('max') is not none -%}
    case
        when regexp_full_match({{ text }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}')
            then try_cast({{ text }} as date)
        when regexp_full_match({{ day }}, '[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}')
            then try_cast(replace(replace({{ day }}, '/', '-'), '.', '-') as date)
        when regexp_full_match({{ text }}, '[0-9]{8}')
            then cast(try_strptime({{ text }}, '%Y%m%d') as date)
        -- seconds and milliseconds since 1970
        when regexp_full_match({{ text }}, '1[0-9]{9}|1[0-9]{12}')
            then cast(
                make_timestamp(cast({{ text }} as bigint) * if(length({{ text }}) = 13, 1000, 1000000)) as date
            )
        when regexp_full_match({{ day }}, '{{ pattern }}')
            then case
                when not {{ is_unclear_date(day) }}
                    then coalesce(
                        try_cast(regexp_replace({{ day }}, '{{ pattern }}', '\3-\2-\1') as date),
                        try_cast(regexp_replace({{ day }}, '{{ pattern }}', '\3-\1-\2') as date)
                    )
                when {{ is_day_first }} is true
                    then try_cast(regexp_replace({{ day }}, '{{ pattern }}', '\3-\2-\1') as date)
                when {{ is_day_first }} is false
                    then try_cast(regexp_replace({{ day }}, '{{ pattern }}', '\3-\1-\2') as date)
            end
        {%- if is_bounded %}
        when regexp_full_match({{ day }}, {{ sql_text(short_year_pattern()) }})
            then {{ short_year_date(column, day) }}
        {%- endif %}
        when
            regexp_matches({{ text }}, '[A-Za-z]{3}')
            and regexp_matches({{ text }}, '(?:^|[^0-9])[0-9]{4}(?:[^0-9]|$)')
            then cast(try_strptime(
                trim(regexp_replace(
                    regexp_replace({{ day }}, '(?i)([0-9])(?:st|nd|rd|th)\b|\b(sep)t\b', '\1\2', 'g'),
                    '(?i)(?:[-,./\s]|\b(?:the|of)\b)+', ' ', 'g'
                )),
                ['%d %b %Y', '%d%b%Y', '%d %B %Y', '%b %d %Y', '%B %d %Y', '%Y %b %d', '%Y %B %d']
            ) as date)
    end
{% endmacro %}
