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

{#-
    SQL of the digits and separators of a number, without those that can only stand between thousands. Null
    where the text is plain digits already, empty where it is no number.
-#}
{% macro number_digits(column, text) -%}
    {%- set is_exact = decimals(column) < 3 -%}
    if(
        regexp_full_match({{ text }}, '[+-]?(?:[0-9]+
            {%- if column.kind != 'integer' and is_exact -%}
            |[0-9]+[.][0-9]{1,2}|[0-9]+[.][0-9]{4,}|0[.][0-9]{3}|[0-9]{4,}[.][0-9]{3}
            {%- elif column.kind != 'integer' -%}
            |[0-9]+[.][0-9]+
            {%- endif -%} )'),
        null,
        replace(regexp_replace(
            regexp_extract({{ narrow(text) }}, {{ sql_text('^' ~ number_pattern(column) ~ '$') }}, 3),
            '[ \x{A0}\x{202F}]', '', 'g'
        ), '''', '')
    )
{%- endmacro %}

{#-
    SQL of a number as plain digits, null where the text is none or where it is unclear what its points
    and commas mean: 12.034 in a column of two decimals. `is_comma` is SQL of whether commas are decimal
    marks in the column; null where its values do not say.
-#}
{% macro number_text(column, is_comma) %}
    {%- set text = '_text_' ~ column.name -%}
    {%- set digits = '_digits_' ~ column.name -%}
    {%- set is_exact = decimals(column) < 3 -%}
    case
        when {{ digits }} is null then {{ text }}
        when {{ digits }} <> '' and contains({{ narrow(text) }}, '(') = contains({{ narrow(text) }}, ')')
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
