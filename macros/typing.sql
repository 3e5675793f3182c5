{#-
    Typing by contract kind. `_text_<column>` is a trimmed text, null where nothing was written; what is
    read from it more than once stands beside it (`clear_texts`), because each regular expression of a
    query costs a millisecond before its first row. A value that does not fit becomes null and
    `reject_reason` says why; nothing is guessed.
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

{#- SQL of what is read from the texts of columns, in a list of select: the days of dates, the digits of numbers. -#}
{% macro clear_texts(columns) %}
    {%- for column in columns %}
    {%- if column.kind == 'date' %}
    {{ day_text('_text_' ~ column.name) }} as _day_{{ column.name }},
    {%- elif column.kind in ('integer', 'decimal') %}
    {{ number_digits(column, '_text_' ~ column.name) }} as _digits_{{ column.name }},
    {%- endif %}
    {%- endfor %}
{%- endmacro %}

{#- SQL of the numbers that texts say, as plain digits; commas mean what `is_comma` says, by column. -#}
{% macro number_texts(columns, is_comma={}) %}
    {%- for column in columns if column.kind in ('integer', 'decimal') %}
    {{ number_text(column, is_comma.get(column.name, 'false')) }} as _number_{{ column.name }},
    {%- endfor %}
{%- endmacro %}

{#- SQL of whether a text begins with a mark of a list, which may or may not belong to it. -#}
{% macro has_unclear_mark(text) -%}
    regexp_matches({{ text }}, '^(?:[-*•‣◦·>]\s|[(]?[0-9]{1,4}[.)]\s|[#][0-9]|[*][*]|```)')
{%- endmacro %}

{#-
    SQL of a typed value. `is_day_first` is SQL of how dates are written in the column, as far as its values
    show it.
-#}
{% macro typed_value(column, is_day_first='cast(null as boolean)') %}
    {%- set text = '_text_' ~ column.name -%}
    {%- if column.kind == 'categorical' -%}
        {%- set synonyms = column.get('synonyms', {}) %}
        coalesce(
            case lower({{ text }})
                {%- for value in column.accepted_values %}
                when {{ sql_text(value | string | lower) }} then {{ sql_text(value) }}
                {%- endfor %}
                {%- for synonym, value in synonyms.items() %}
                when {{ sql_text(synonym | string | lower) }} then {{ sql_text(value) }}
                {%- endfor %}
            end,
            case {{ category_key(column, text) }}
                {%- for value in column.accepted_values %}
                when {{ category_key(column, sql_text(value | string)) }} then {{ sql_text(value) }}
                {%- endfor %}
                {%- for synonym, value in synonyms.items() %}
                when {{ category_key(column, sql_text(synonym | string)) }} then {{ sql_text(value) }}
                {%- endfor %}
            end,
            {%- if column.get('synonym_patterns') %}
            case
                {%- for pattern, value in column.synonym_patterns.items() %}
                when regexp_full_match({{ text }}, {{ sql_text('(?i)' ~ pattern) }}) then {{ sql_text(value) }}
                {%- endfor %}
            end,
            {%- endif %}
            null
        )
    {%- elif column.kind == 'integer' -%}
        try_cast(try_cast(_number_{{ column.name }} as decimal(38, 2)) as {{ column.data_type }})
    {%- elif column.kind == 'decimal' -%}
        try_cast(_number_{{ column.name }} as {{ column.data_type }})
    {%- elif column.kind == 'date' -%}
        {{ date_value(column, is_day_first) }}
    {%- elif column.kind == 'identifier' -%}
        {{ text }}
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "Column " ~ column.name ~ " has kind '" ~ column.kind
            ~ "'. Use categorical, integer, decimal, date or identifier."
        ) }}
    {%- endif -%}
{% endmacro %}

{#-
    SQL of what categories are compared by that are not written as the contract has them: no letter case, plain
    signs for those of typography (O⁻, 0–10), and 1.0 is 1 where all are numbers.
-#}
{% macro category_key(column, text) -%}
    {%- set texts = column.accepted_values | map('string') | list -%}
    {%- set numbers = [] -%}
    {%- for value in texts if modules.re.fullmatch('-?[0-9]+([.]0+)?', value) -%}
        {%- do numbers.append(value) -%}
    {%- endfor -%}
    {%- if texts and numbers | length == texts | length -%}
        regexp_replace(lower({{ text }}), '^(-?[0-9]+)[.]0+$', '\1')
    {%- else -%}
        translate(lower({{ narrow(text) }}), '⁺⁻{{ dashes() }}', '+------')
    {%- endif -%}
{%- endmacro %}

{#- SQL of whether a value that was typed had been written in another way. -#}
{% macro is_normalised(column) %}
    {%- set text = '_text_' ~ column.name -%}
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
{% macro reject_reason(column) %}
    {%- set name = column.name -%}
    {%- set text = '_text_' ~ name -%}
    case
        when {{ text }} is null then {{ 'null' if column.get('nullable') else "'" ~ name ~ ".missing'" }}
        {%- if column.kind == 'date' %}
        when {{ name }} is null and {{ is_unclear_date('_day_' ~ name) }} then '{{ name }}.ambiguous'
        {%- elif column.kind in ('integer', 'decimal') %}
        when {{ name }} is null and {{ is_unclear_number(column, text) }} then '{{ name }}.ambiguous'
        when {{ name }} is null and _number_{{ name }} is not null then '{{ name }}.out_of_range'
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

{#- SQL of a value that a compact line writes in its own way, a code or the days after another date; null of others. -#}
{% macro decoded_value(column) %}
    {%- set text = '_text_' ~ column.name -%}
    {%- if codes(column) -%}
        case upper({{ text }})
            {%- for code, value in codes(column).items() %}
            when {{ sql_text(code) }} then {{ sql_text(value) }}
            {%- endfor %}
        end
    {%- else -%}
        if(
            regexp_full_match({{ text }}, '[0-9]{1,5}'),
            {{ column.population.days_after }} + cast({{ text }} as integer),
            null
        )
    {%- endif -%}
{% endmacro %}

{#- Whether a compact line writes a column in its own way. -#}
{% macro is_compacted(column) %}
    {%- do return(codes(column) | length > 0 or (column.get('population') or {}).get('days_after') is not none) -%}
{% endmacro %}

{#- Whether a value that was typed had been written in another way than was asked for. -#}
{% macro was_rewritten(column) -%}
    {%- if is_compacted(column) or column.kind == 'date' -%} not is_coded and {% endif -%}
    ({{ is_normalised(column) }})
{%- endmacro %}
