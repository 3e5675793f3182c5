{#-
    How records are found in answers. Flat JSON and CSV without anything around them are read by SQL;
    whatever that does not explain whole goes to readers/answers, by stg_llm_readings.
-#}

{#- SQL of whether a text has what the other reader must see: escapes, terminal codes, odd spaces and marks. -#}
{% macro has_odd_signs(text) -%}
    (
        contains({{ text }}, '\u')
        or contains({{ text }}, chr(27))
        or contains(replace({{ text }}, chr(13) || chr(10), ''), chr(13))
        or (
            -- not in plain ASCII
            strlen({{ text }}) <> length({{ text }})
            and regexp_matches(
                {{ text }},
                '[\x{85}\x{A0}\x{1680}\x{2000}-\x{200B}\x{2028}\x{2029}\x{202F}\x{205F}\x{2060}\x{3000}\x{FEFF}\x{FF0C}\x{FF1A}\x{FF1B}]'
            )
        )
    )
{%- endmacro %}

{#- The CTE of responses that SQL may explain whole: not cut off, and without odd signs. -#}
{% macro whole_responses() -%}
whole as (

    select
        response_id,
        landed_number,
        dataset,
        replace(response_text, chr(13) || chr(10), chr(10)) as plain_text,
        coalesce(len(written_fields), len({{ labels() }})) as width,
        {{ is_unclear('response_text') }} as is_unclear,

    from responses
    where
        not coalesce(is_truncated, false)
        and not {{ has_odd_signs('response_text') }}

),
{%- endmacro %}

{#- The model around `logic`, CTEs that end with `records`: those of responses that it has not read yet. -#}
{% macro new_records(logic) %}
{{- reads_responses(logic) }}
with responses as not materialized (

    select * from {{ ref('stg_llm_responses') }}
    {{ where_unread(read_so_far(local_md5(logic)) | int) }}

),

{{ logic }}

select * from records
{% endmacro %}

{#- The value of a CSV line between two commas: quoted, or without a quote. -#}
{% macro csv_value_pattern() -%}
    [ \t]*"(?:[^"]|"")*"[ \t]*|[^",]*
{%- endmacro %}

{#- SQL of the values of a CSV line. -#}
{% macro csv_values(line) -%}
    if(
        contains({{ line }}, '"'),
        list_transform(
            regexp_extract_all({{ line }} || ',', {{ sql_text('(' ~ csv_value_pattern() ~ '),') }}, 1),
            lambda value: if(
                contains(value, '"'), replace(trim(value, ' ' || chr(9))[2:-2], '""', '"'), value
            )
        ),
        string_split({{ line }}, ',')
    )
{%- endmacro %}

{#- Whether a CSV line has no stray quote. -#}
{% macro is_csv_line(line) -%}
    (
        not contains({{ line }}, '"')
        or regexp_full_match(
            {{ line }}, {{ sql_text('(?:(?:' ~ csv_value_pattern() ~ '),)*(?:' ~ csv_value_pattern() ~ ')') }}
        )
    )
{%- endmacro %}

{#- Whether a text names a column: a header in another order, a sentence, a label before its value. -#}
{% macro names_a_column(text) -%}
    case dataset
        {%- for dataset in var('datasets') %}
        {%- set words = [] %}
        {%- for column in contract_columns(dataset) %}
            {%- do words.append(modules.re.escape(column.label)) %}
        {%- endfor %}
        when {{ sql_text(dataset) }}
            then regexp_matches({{ text }}, {{ sql_text(
                '(?i)(?:^|[,\\n])\\W*(?:' ~ words | join('|') ~ ')\\W*(?:[,\\n:=(]|$|is |was )'
            ) }})
        {%- endfor %}
    end
{%- endmacro %}

{#-
    What a line begins with where it is no item of a list: a word, or a number or date and nothing else.
    The exceptions: `Row 1`, `a) `.
-#}
{% macro is_plain_start(value) -%}
    (
        regexp_full_match({{ value }}, '\s*(?:\pL[^:]*|[+-]?[0-9][0-9./-]*|[A-Z0-9-]+)\s*')
        and not regexp_matches({{ value }}, '(?i)^\s*(?:(?:row|record|patient|entry|item|line|case|example|sample|no|nr)\b\W*[0-9]|[a-z][.)]\s)')
    )
{%- endmacro %}

{#- SQL of whether a point, a comma or a date in a text may mean two things. -#}
{% macro is_unclear(text) -%}
    {%- set pattern -%}
    (?:^|[^0-9.,])[1-9][0-9]{0,2}[.,][0-9]{3}(?:[^0-9]|$)|(?:^|[^0-9])[0-9]{1,2}[/. {{ dashes() }}-]+[0-9]{1,2}[/. {{ dashes() }}-]+[0-9]{4}
    {%- endset -%}
    regexp_matches({{ text }}, {{ sql_text(pattern) }})
{%- endmacro %}

{#- Names without letter case, spaces, underscores, punctuation, and units in brackets behind them. -#}
{% macro plain_name(name) -%}
    regexp_replace(
        lower(regexp_replace({{ name }}, '(\S)\s*[(\[][^)\]]*[)\]]\W*$', '\1')), '[^\p{L}\p{N}]', '', 'g'
    )
{%- endmacro %}

{% macro plain_names(names) -%}
    list_transform({{ names }}, lambda name: {{ plain_name('name') }})
{%- endmacro %}

{#- The contract's labels for the row's dataset, as the contract writes them, or plain. -#}
{% macro labels(plain=false) %}
    case dataset
        {%- for dataset in var('datasets') %}
        when {{ sql_text(dataset) }} then {{ label_list(dataset, plain) }}
        {%- endfor %}
    end
{% endmacro %}

{% macro label_list(dataset, plain=false) -%}
    [
        {%- for column in contract_columns(dataset) -%}
        {%- if plain -%} {{ plain_name(sql_text(column.label)) }} {%- else -%} {{ sql_text(column.label) }} {%- endif -%}
        {{- ', ' if not loop.last -}}
        {%- endfor -%}
    ]
{%- endmacro %}

{#- How many of the contract's columns have a name in the list. -#}
{% macro labels_among(names) -%}
    len(list_intersect({{ plain_names(names) }}, {{ labels(plain=true) }}))
{%- endmacro %}
