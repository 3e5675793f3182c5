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
    {%- set keys = key_columns(dataset) -%}
    {%- set own_key = contract_key(dataset) -%}
    {%- set parent = contract_parent(dataset) -%}
    {%- set group_text = "nullif(trim(\"" ~ group ~ "\"), '')" if group is not none else 'cast(null as varchar)' -%}

with named as (

    select
        -- A column of the file may be called so, too.
        {{ 'row_number() over () - 1' if 'rowid' in labels else 'rowid' }} as row_number,
        {%- for column in columns %}
        {{ written_text(column, '"' ~ column.label ~ '"') }} as _text_{{ column.name }},
        {%- endfor %}
        {%- for column in keys %}
        nullif(trim("{{ column.label }}"), '') as {{ column.name }},
        {%- endfor %}
        {{ group_text }} as _group_text,

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

{#- A family is in one half: that of its top parent. #}
{%- set top = key_text(own_key) if own_key and group is none else '_group_text' %}
{%- set has_groups = group is not none or own_key or parent %}
typed as (

    select
        row_number,
        {%- for column in keys %}
        {{ column.name }},
        {%- endfor %}
        {%- for column in columns %}
        {{ typed_value(column) }} as {{ column.name }},
        {%- endfor %}
        coalesce({{ key_text(parent['columns']) if parent else top }}, {{ unit }}) as _top,
        md5_number_lower(_top) % 2 = 1 as is_holdout,
        {{ 'hash(_top)' if has_groups else 'cast(null as ubigint)' }} as unit,

    from numbered
    {%- if own_key %}
    -- Of several rows with one key, such as a patient's in a table of stays, the first one counts.
    qualify
        {{ key_text(own_key) }} is null
        or row_number() over (partition by {{ own_key | join(', ') }} order by row_number) = 1
    {%- endif %}

),
{%- if parent %}

parents as (

    select
        {%- for column in parent.to_columns %}
        {{ column }} as _parent_{{ column }},
        {%- endfor %}
        is_holdout,
        unit,

    from {{ ref('stg_reference_' ~ parent.to) }}

),
{%- endif %}

final as (

    {%- if parent %}
    select
        typed.* exclude (_top, is_holdout, unit),
        coalesce(parents.is_holdout, typed.is_holdout) as is_holdout,
        coalesce(parents.unit, typed.unit) as unit,

    from typed
    left join parents
        on
        {%- for column in parent['columns'] %}
            {{ 'and ' if not loop.first }}typed.{{ column }} = parents._parent_{{ parent.to_columns[loop.index0] }}
        {%- endfor %}
    {%- else %}
    select * exclude (_top) from typed
    {%- endif %}

)

select * from final
{% endmacro %}

{#- SQL of the texts of a key as one, null where a part of it is missing. -#}
{% macro key_text(columns) -%}
    {{ columns | join(' || chr(31) || ') }}
{%- endmacro %}
