{#-
    The model behind stg_reference_<dataset>: the real table, typed by its contract and split in two
    halves. One half is what runs are compared with; the other is held out and drawn from as the
    ceiling. Copies of one row, whatever the contract leaves out of duplicates, are in the same half.
-#}
{% macro typed_reference(dataset) %}
    {%- set columns = contract_columns(dataset) -%}
    {%- set left_out = contract_left_out_of_duplicates(dataset) -%}

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
        nullif(trim("{{ column.label }}"), '') as {{ column.name }}_text,
        {%- endfor %}

    from received

),

typed as (

    select
        row_number,
        {%- for column in columns %}
        {{ typed_value(column, column.name ~ '_text') }} as {{ column.name }},
        {%- endfor %}
        md5_number_lower(concat_ws('|'
            {%- for column in columns if column.name not in left_out %},
            {{ column.name }}_text
            {%- endfor %}
        )) % 2 = 1 as is_holdout,

    from named

)

select * from typed
{% endmacro %}
