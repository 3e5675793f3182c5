{#-
    The model behind stg_reference_<dataset>: the real table, typed by its contract and split in two
    halves. One half is what runs are compared with; the other is held out and drawn from as the
    ceiling. Rows of one group are in the same half; where there is none, copies of one row are, whatever
    the contract leaves out of duplicates.
-#}
{% macro typed_reference(dataset) %}
    {%- set columns = contract_columns(dataset) -%}
    {%- set left_out = contract_left_out_of_duplicates(dataset) -%}
    {%- set group = contract_group(dataset) -%}

with received as (

    select
        rowid as row_number,
        *,

    from {{ source('raw', 'reference_' ~ dataset) }}

),

named as (

    select
        row_number,
        {%- for column in columns %}
        {{ written_text(column, '"' ~ column.label ~ '"') }} as {{ column.name }}_text,
        {%- endfor %}
        {{ 'cast(null as varchar)' if group is none else 'nullif(trim("' ~ group ~ '"), \'\')' }} as group_text,

    from received

),

typed as (

    select
        row_number,
        {%- for column in columns %}
        {{ typed_value(column, column.name ~ '_text') }} as {{ column.name }},
        {%- endfor %}
        md5_number_lower(coalesce(group_text, concat_ws('|'
            {%- for column in columns if column.name not in left_out %},
            {{ column.name }}_text
            {%- endfor %}
        ))) % 2 = 1 as is_holdout,

    from named

)

select * from typed
{% endmacro %}
