{#-
    How records are found in a text that nobody controls. Patterns are RE2's: no lookahead, linear time.
-#}

{#-
    A text with plain line ends, and without byte order marks, zero-width spaces and word joiners, which
    are invisible and mean nothing.
-#}
{% macro plain_text(text) -%}
    replace(replace(replace(replace(replace(
        {{ text }}, chr(13) || chr(10), chr(10)),
        chr(13), chr(10)),
        chr(65279), ''),
        chr(8203), ''),
        chr(8288), '')
{%- endmacro %}

{#- A string of JSON. It ends on its line at the latest, so that a stray quote does little harm. -#}
{% macro json_string_pattern() -%}
    "(?:[^"\\\n]|\\.)*"
{%- endmacro %}

{% macro single_quoted_pattern() -%}
    '(?:[^'\\\n]|\\.)*'
{%- endmacro %}

{% macro block_comment_pattern() -%}
    /\*(?:[^*]|\*+[^*/])*\*+/
{%- endmacro %}

{#- What stands between the braces of a flat object, in strict or in loose JSON. -#}
{% macro json_inside_pattern() -%}
    {{ json_string_pattern() }}(?:[ \t]*//[^\n]*)?
    {{- '|' }}"(?:[^"\\\n]|\\.)*\\?(?:\n|\z)
    {{- '|' ~ block_comment_pattern() }}
    {{- '|' }}[:,\[]\s*{{ single_quoted_pattern() }}
    {{- '|' }}[^:{}"]//[^\n]*
    {{- '|' }}[^{}"]
{%- endmacro %}

{#- An object in braces, with objects inside it down to `depth`. -#}
{% macro json_object_pattern(depth) -%}
    \{(?:\s*{{ single_quoted_pattern() }})?(?:{{ json_inside_pattern() }}
    {{- ('|' ~ json_object_pattern(depth - 1)) if depth }})*\}
{%- endmacro %}

{#- All of these in a text, and what follows an opening brace that nothing closes, up to the next one. -#}
{% macro json_pieces(text, depth) -%}
    {%- set open_object -%} \{(?:{{ json_inside_pattern() }})* {%- endset -%}
    regexp_extract_all({{ text }}, {{ sql_text(json_object_pattern(depth) ~ '|' ~ open_object) }})
{%- endmacro %}

{#- Comments of loose JSON, or (group 1) what only looks like one. -#}
{% macro json_comment_pattern() -%}
    ({{ json_string_pattern() }}|[:,\[{]\s*{{ single_quoted_pattern() }}|://)
    {{- '|' ~ block_comment_pattern() }}|//[^\n]*
{%- endmacro %}

{#- Parts of loose JSON: a key with what stands before it and its colon, or a piece of a value. -#}
{% macro json_token_pattern() -%}
    [{,\n]\s*(?:{{ json_string_pattern() }}|{{ single_quoted_pattern() }}|[\p{L}_][^{}\[\]:,"'\n]*)\s*:
    {{- '|' ~ json_string_pattern() }}|\s*{{ single_quoted_pattern() }}|[^{},"\n]+|(?s:.)
{%- endmacro %}

{#- Loose JSON without comments, and with line ends within quoted values escaped. -#}
{% macro without_comments(text) -%}
    regexp_replace(
        regexp_replace(
            translate({{ text }}, {{ field_mark() }} || {{ value_mark() }}, ''),
            {{ sql_text(json_comment_pattern()) }}, '\1', 'g'
        ),
        '(:\s*"(?:[^"\\\n]|\\.)*)\n([^"\\\n]*"\s*[,}\]])', '\1\\n\2', 'g'
    )
{%- endmacro %}

{#- Marks before a key and before its value: code points that Unicode keeps for use within a program. -#}
{% macro field_mark() -%} chr(64976) {%- endmacro %}
{% macro value_mark() -%} chr(64977) {%- endmacro %}

{#- The key (1) or the value (2) of a marked field, without the end of the objects that it is in. -#}
{% macro field_part(field, number) -%}
    trim(regexp_replace(
        split_part({{ field }}, {{ value_mark() }}, {{ number }}), '(?:[\s,\]]*\})*[\s,]*$', ''
    ), {{ blanks() }})
{%- endmacro %}

{#- A value or key of loose JSON without its quotes and escapes. -#}
{% macro unquoted(text) %}
    case
        when length({{ text }}) >= 2 and starts_with({{ text }}, '"') and ends_with({{ text }}, '"')
            then if(
                json_valid({{ text }}),
                json_extract_string({{ text }}, '$'),
                replace({{ text }}[2:-2], '\"', '"')
            )
        when length({{ text }}) >= 2 and starts_with({{ text }}, '''') and ends_with({{ text }}, '''')
            then replace(replace({{ text }}[2:-2], '\''', ''''), '\\', '\')
        else {{ text }}
    end
{% endmacro %}

{#- What is trimmed from values: spaces, tabs, line ends and no-break spaces. -#}
{% macro blanks() -%}
    ' ' || chr(9) || chr(10) || chr(13) || chr(160)
{%- endmacro %}

{#- Names without letter case, spaces, underscores and punctuation: `BloodType`, `blood_type:`. -#}
{% macro plain_name(name) -%}
    regexp_replace(lower({{ name }}), '[^\p{L}\p{N}]', '', 'g')
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

{#-
    Delimited text: CSV with any delimiter, and Markdown tables. A quoted value may hold delimiters and
    line ends; quotes in it are doubled or escaped.
-#}
{% macro delimiters() %}
    {% do return({',': ',', ';': ';', '\\t': '\t', '|': '|'}) %}
{% endmacro %}

{% macro quoted_value_pattern() -%}
    [ \t]*"(?:[^"]|"")*"[ \t]*|[ \t]*"(?:[^"\\]|\\.)*"[ \t]*
{%- endmacro %}

{% macro delimited_lines(text, delimiter) -%}
    {#- A line whose quotes are as they should be, and if it is none, one with a stray quote. -#}
    {%- set unquoted = '[ \\t]*(?:[^" \\t' ~ delimiter ~ '\\n][^' ~ delimiter ~ '\\n]*)?' -%}
    {%- set stray = '[ \\t]*"[^' ~ delimiter ~ '\\n]*' -%}
    {%- set lines = [] -%}
    {%- for value in [quoted_value_pattern() ~ '|' ~ unquoted, quoted_value_pattern() ~ '|' ~ unquoted ~ '|' ~ stray] -%}
        {%- do lines.append(
            '(?:(?:' ~ value ~ ')[' ~ delimiter ~ '])*(?:' ~ value ~ ')(?:\\n|\\z)'
        ) -%}
    {%- endfor -%}
    {%- set pattern = lines | join('|') -%}
    list_filter(
        if(
            {%- if delimiter == '|' %}
            -- a Markdown table
            regexp_matches({{ text }}, '(?m)^\s*\|') or
            {%- endif %}
            -- no line ends within quotes
            list_bool_and(list_transform(
                string_split({{ text }}, chr(10)),
                lambda line: (strlen(line) - strlen(replace(line, '"', ''))) % 2 = 0
            )),
            string_split({{ text }}, chr(10)),
            list_transform(
                regexp_extract_all({{ text }}, {{ sql_text(pattern) }}),
                lambda line: rtrim(line, chr(10))
            )
        ),
        lambda line: trim(line) <> ''
    )
{%- endmacro %}

{% macro delimited_values(line, delimiter) -%}
    {%- set character = sql_text(delimiters()[delimiter]) -%}
    case
        {%- if delimiter == '|' %}
        -- a row of a Markdown table: its quotes are part of the values
        when starts_with(ltrim({{ line }}), '|')
            then list_transform(
                regexp_extract_all(
                    regexp_replace(trim({{ line }}), '^\||\|$', '', 'g') || '|',
                    '((?:[^|\\]|\\.)*)\|',
                    1
                ),
                lambda value: replace(value, '\|', '|')
            )
        {%- endif %}
        when contains({{ line }}, '"')
            then list_transform(
                regexp_extract_all(
                    if(
                        -- a row of a JSON array of arrays
                        starts_with(ltrim({{ line }}), '['),
                        regexp_replace({{ line }}, '^\s*\[(.*)\]\s*,?\s*$', '\1'),
                        {{ line }}
                    ) || {{ character }},
                    {{ sql_text('(' ~ quoted_value_pattern() ~ '|[^' ~ delimiter ~ ']*)[' ~ delimiter ~ ']') }},
                    1
                ),
                lambda value: case
                    when not contains(value, '"') then value
                    when not regexp_full_match(value, '(?s)\s*".*"\s*') then value
                    when contains(value, '""') then replace(trim(value, ' ' || chr(9))[2:-2], '""', '"')
                    else replace(trim(value, ' ' || chr(9))[2:-2], '\"', '"')
                end
            )
        else string_split({{ line }}, {{ character }})
    end
{%- endmacro %}

{#- The delimiter that gives most lines as many values as were asked for, or half of them. -#}
{% macro best_delimiter(text) -%}
    case
        when not regexp_matches({{ text }}, '[;\t|]') then ','
        else list_max([
            {%- for delimiter in delimiters() %}
            struct_pack(
                {%- for name, fits in [('with_all', '='), ('with_half', '* 2 >=')] %}
                {{ name }} := len(list_filter(
                    {{ delimited_lines(text, delimiter) }},
                    lambda line: len({{ delimited_values('line', delimiter) }})
                        {{ fits }} coalesce(len(written_fields), len({{ labels() }}))
                )),
                {%- endfor %}
                delimiter := {{ sql_text(delimiter) }}
            ),
            {%- endfor %}
        ]).delimiter
    end
{%- endmacro %}

{% macro lines_by_delimiter(text) -%}
    case delimiter
        {%- for delimiter in delimiters() %}
        when {{ sql_text(delimiter) }} then {{ delimited_lines(text, delimiter) }}
        {%- endfor %}
    end
{%- endmacro %}

{% macro values_by_delimiter(line) -%}
    case delimiter
        {%- for delimiter in delimiters() %}
        when {{ sql_text(delimiter) }} then {{ delimited_values(line, delimiter) }}
        {%- endfor %}
    end
{%- endmacro %}

{#-
    Whether a line is a header: half of the labels are among its values. Counting them takes long, so
    that it is done only where one of the first two values is a label.
-#}
{% macro is_header(line, values) -%}
    case dataset
        {%- for dataset in var('datasets') %}
        {%- set words = [] %}
        {%- for column in contract_columns(dataset) %}
            {%- do words.append(
                modules.re.sub('[^\\w]+|_+', '[^\\\\p{L}\\\\p{N}]*', column.label)
            ) %}
        {%- endfor %}
        when {{ sql_text(dataset) }}
            then if(regexp_matches({{ line }}, {{ sql_text(
                '(?i)^(?:\\W*[^,;\\t|]*[,;\\t|])?[^\\p{L}\\p{N}]*(?:' ~ words | join('|')
                ~ ')[^\\p{L}\\p{N}]*(?:[,;\\t|]|$)'
            ) }}), 2 * {{ labels_among(values) }} >= labels_expected, false)
        {%- endfor %}
    end
{%- endmacro %}

{#-
    Incremental models keep in `logic_hash` the hash of the SQL that made a row, contract included. As
    a pre-hook this forgets the rows that other SQL made, so that the build makes them anew.
-#}
{% macro forget_rows_of_other_logic() %}
    {%- if is_incremental() %}
    delete from {{ this }}
    where logic_hash <> {{ sql_text(
        modules.re.search("'([0-9a-f]{32})' as logic_hash", model['compiled_code']).group(1)
    ) }}
    {%- endif %}
{% endmacro %}

{#- The same, for the typed rows of records that other SQL had found. -#}
{% macro forget_rows_parsed_anew() %}
    {%- if is_incremental() %}
    delete from {{ this }}
    where parsed_with not in (select parsed_with from {{ ref('stg_llm_records') }})
    {%- endif %}
{% endmacro %}

{#- The same, for lines of responses in which JSON is found by now. -#}
{% macro forget_lines_of_json() %}
    {%- if is_incremental() %}
    delete from {{ this }}
    where response_id in (select response_id from {{ ref('stg_llm_json_records') }})
    {%- endif %}
{% endmacro %}
