{#- How many dates of a column must say that the day (or month) stands first, and none the other. -#}
{% macro dates_that_settle() -%} 5 {%- endmacro %}

{#-
    CTEs that end with `texts_of_<source>`: the records of the CTE `source`, each with the text of every
    column of the contract as `_text_<column>`, which is no name that a contract can have.
-#}
{% macro texts_of(dataset, source) %}
    {%- set columns = contract_columns(dataset) -%}
    {%- set keys = key_columns(dataset) -%}
values_of_{{ source }} as (

    select
        * exclude (field_values),
        -- Not kept for flat JSON: reading them takes less time than writing them down.
        coalesce(field_values, json_extract_string(record_text, '$.*')) as field_values,

    from {{ source }}

),

placed_{{ source }} as (

    select
        written.record_id,
        written.is_coded,
        written.quota_cells,
        written.drawn_values,
        {%- if contract_parent(dataset) %}
        written.parents,
        {%- endif %}
        written.run_id,
        written.response_id,
        written.is_cut_off,
        written.doubt,
        len(written.field_values)
        - coalesce(len(written.field_names), {{ columns | length }}) as values_too_many,
        if(
            written.field_names is null,
            written.field_values,
            list_transform(
                places.value_places, lambda place: written.field_values[place]
            )
        ) as texts,
        places.are_repeated,
        places.have_other_units,
        -- The number of the row, where some of its values were handed over, or of what it belongs to.
        trim(written.field_values[places.row_place]) as row_key,
        {%- for column in keys %}
        -- An LLM does not know the keys of rows.
        if(written.has_keys, nullif(trim(written.field_values[places.key_places[{{ loop.index }}]]), ''), null)
            as _key_{{ column.name }},
        {%- endfor %}

    from values_of_{{ source }} as written
    left join places on written.field_names = places.field_names

),

---------- what was handed over is taken from the request, and not from the answer

completed_{{ source }} as (

    select
        * exclude (texts),
        cast(drawn_values as map(varchar, map(varchar, varchar))) as drawn_rows,
        if(
            drawn_values is null,
            texts,
            list_transform(
                [{% for column in columns %}{{ sql_text(column.name) }}{{ ', ' if not loop.last }}{% endfor %}],
                lambda name, place: coalesce(drawn_rows[row_key][name], texts[place])
            )
        ) as texts,

    from placed_{{ source }}

),

written_{{ source }} as (

    select
        * exclude (texts),
        {%- for column in columns %}
        {%- set text = 'texts[' ~ loop.index ~ ']' %}
        {{ written_text(column, "if(is_coded and " ~ text ~ " = '-', null, " ~ text ~ ")" if codes(column) else text) }}
            as _text_{{ column.name }},
        {%- endfor %}

    from completed_{{ source }}

),

texts_of_{{ source }} as (

    select
        *,
        {{- clear_texts(columns) | indent(4) }}

    from written_{{ source }}

),
{% endmacro %}

{#- SQL of a value in lower case, where it is a text. -#}
{% macro folded(column) -%}
    {{ 'lower(' ~ column.name ~ ')' if column.data_type == 'varchar' else column.name }}
{%- endmacro %}
