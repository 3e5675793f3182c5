{#-
    The model behind stg_reference_<dataset>: the real table, typed by its contract and split in two
    halves. One half is what runs are compared with; the other is held out and drawn from as the
    ceiling. Rows of one group are in the same half; where there is none, copies of one row are, whatever
    the contract leaves out of duplicates. Without identifiers, rows say the same by chance, and are spread
    over both halves.
-#}
{% macro typed_reference(dataset) %}
    {%- set columns = contract_columns(dataset) -%}
    {%- set left_out = contract_left_out_of_duplicates(dataset) -%}
    {%- set group = contract_group(dataset) -%}
    {%- set texts = [] -%}
    {%- for column in columns if column.name not in left_out -%}
        {%- do texts.append('_text_' ~ column.name) -%}
    {%- endfor -%}
    {%- set unit = "concat_ws('|', " ~ texts | join(', ') ~ ')' if texts else "''" -%}
    {%- if group is none and not left_out and columns | selectattr('kind', 'equalto', 'identifier') | list | length == 0 -%}
        {%- set copy = 'row_number() over (partition by ' ~ unit ~ ' order by row_number)' -%}
        {%- set unit = "concat_ws('|', " ~ unit ~ ', nullif(' ~ copy ~ ', 1))' -%}
    {%- endif -%}
    {%- set labels = file_labels(dataset) | map('lower') | list -%}

with named as (

    select
        -- A column of the file may be called so, too.
        {{ 'row_number() over () - 1' if 'rowid' in labels else 'rowid' }} as row_number,
        {%- for column in columns %}
        {{ written_text(column, '"' ~ column.label ~ '"') }} as _text_{{ column.name }},
        {%- endfor %}
        {{ 'cast(null as varchar)' if group is none else 'nullif(trim("' ~ group ~ '"), \'\')' }} as _group_text,

    from {{ source('raw', 'reference_' ~ dataset) }}

),

cleared as (

    select
        *,
        {{- clear_texts(columns) | indent(4) }}

    from named

),

numbered as (

    select
        *,
        {{- number_texts(columns) | indent(4) }}

    from cleared

),

typed as (

    select
        row_number,
        {%- for column in columns %}
        {{ typed_value(column) }} as {{ column.name }},
        {%- endfor %}
        md5_number_lower(coalesce(_group_text, {{ unit }})) % 2 = 1 as is_holdout,
        {{ 'cast(null as ubigint)' if group is none else 'hash(coalesce(_group_text, ' ~ unit ~ '))' }} as unit,

    from numbered

)

select * from typed
{% endmacro %}
