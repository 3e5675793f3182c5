{#-
    The logic of int_<dataset>_cast: one row per record of the CTE `records`, every column of the
    contract typed, with the reasons for which the record is rejected (an empty list where it is
    accepted). Its last CTE is `outcomes`.
-#}
{% macro cast_logic(dataset) %}
    {%- set columns = contract_columns(dataset) -%}

---------- which value belongs to which column; worked out once for each list of names

name_lists as (

    select distinct
        field_names,
        {{ plain_names('field_names') }} as plain_names,

    from records
    where field_names is not null

),

places as (

    select
        field_names,
        list_transform(
            {{ label_list(dataset, plain=true) }},
            lambda label: list_position(plain_names, label)
        ) as value_places,
        list_transform(
            {{ label_list(dataset, plain=true) }},
            lambda label: len(list_filter(plain_names, lambda name: name = label)) > 1
        ) as are_repeated,
        [
            {%- for column in columns %}
            {{ names_other_unit(column, 'field_names[value_places[' ~ loop.index ~ ']]') }},
            {%- endfor %}
        ] as have_other_units,
        list_position(plain_names, 'row') as row_place,

    from name_lists

),

{{ texts_of(dataset, 'records') }}

---------- what points, commas and dates of a column mean, in responses where one value does not say it

unclear_records as (

    select * from records
    where response_id in (
        select response_id from records
        where is_unclear
    )

),

{{ texts_of(dataset, 'unclear_records') }}

conventions as (

    select
        response_id,
        {%- for column in columns %}
        {%- set text = '_text_' ~ column.name %}
        {%- if column.kind in ('integer', 'decimal') %}
        bool_or(regexp_matches({{ text }}, {{ sql_text('(?:' ~ comma_pattern() ~ ')$') }})) as _comma_{{ column.name }},
        bool_or(regexp_full_match({{ text }}, {{ sql_text(point_pattern()) }})) as _point_{{ column.name }},
        -- both: no convention
        if(_comma_{{ column.name }} = _point_{{ column.name }}, null, _comma_{{ column.name }})
            as _is_comma_{{ column.name }},
        {%- elif column.kind == 'date' %}
        count(*) filter (where {{ day_or_month(text, 1) }} > 12) as _first_{{ column.name }},
        count(*) filter (where {{ day_or_month(text, 2) }} > 12) as _second_{{ column.name }},
        case
            when _first_{{ column.name }} >= {{ dates_that_settle() }} and _second_{{ column.name }} = 0 then true
            when _second_{{ column.name }} >= {{ dates_that_settle() }} and _first_{{ column.name }} = 0 then false
        end as _is_day_first_{{ column.name }},
        {%- endif %}
        {%- endfor %}

    from texts_of_unclear_records
    group by response_id

),

typed as (

    select
        written.*,
        {%- for column in columns %}
        {%- set text = '_text_' ~ column.name %}
        {%- set marks = (
            '_is_comma_' ~ column.name if column.kind in ('integer', 'decimal') else 'null',
            '_is_day_first_' ~ column.name if column.kind == 'date' else 'null'
        ) %}
        {%- if is_compacted(column) %}
        if(is_coded, {{ decoded_value(column, text, *marks) }}, {{ typed_value(column, text, *marks) }}) as {{ column.name }},
        {%- else %}
        {{ typed_value(column, text, *marks) }} as {{ column.name }},
        {%- endif %}
        {%- endfor %}

    from texts_of_records as written
    left join conventions on written.response_id = conventions.response_id

),

judged as (

    select
        ---------- ids
        record_id,
        run_id,
        response_id,

        ---------- values
        {%- for column in columns %}
        {{ column.name }},
        {%- endfor %}
        if(
            coalesce(false
                {%- for column in columns %}
                or {{ was_rewritten(column) }}
                {%- endfor %}, false),
            list_filter([
                {%- for column in columns %}
                case when {{ was_rewritten(column) }} then {{ sql_text(column.name) }} end,
                {%- endfor %}
            ], lambda name: name is not null),
            []
        ) as normalised_columns,

        ---------- judgement
        if(is_cut_off, ['cut_off'], list_filter([
            doubt,
            case
                when values_too_many > 0 then 'extra_values'
                when values_too_many < 0 then 'too_few_values'
            end,
            case
                when drawn_values is not null and drawn_rows[row_key] is null then 'row.unknown'
            end,
            {%- for column in columns %}
            if(are_repeated[{{ loop.index }}], '{{ column.name }}.repeated', null),
            if(have_other_units[{{ loop.index }}], '{{ column.name }}.other_unit', null),
            {{ reject_reason(column, '_text_' ~ column.name) }},
            {%- endfor %}
            {%- for rule in contract_rules(dataset) %}
            case when not ({{ rule.holds }}) then {{ sql_text(rule.name) }} end,
            {%- endfor %}
        ], lambda reason: reason is not null)) as reject_reasons,

        ---------- what was asked for
        if(drawn_values is null, null, row_key) as row_key,
        quota_cells,
        {{ quota_labels(columns) }} as quota_cell,

        ---------- what made it
        parsed_with,

    from typed

),

---------- a row that no quota asked for would spoil the mix; only accepted ones count against it

places_in_cells as (

    select
        record_id,
        row_key is null and row_number() over (
            partition by response_id, quota_cell
            order by cast(split_part(record_id, '-', -1) as integer)
        ) > coalesce(list_sum(list_transform(
            list_filter(cast(quota_cells -> '$.cells' as {{ quota_cells_type() }}), lambda asked: asked.labels = quota_cell),
            lambda asked: asked.rows
        )), 0) as is_beyond_quota,
        row_key is not null and row_number() over (
            partition by response_id, row_key order by cast(split_part(record_id, '-', -1) as integer)
        ) > 1 as is_repeated,

    from judged
    where
        quota_cells is not null
        and len(reject_reasons) = 0

),

outcomes as (

    select
        judged.* exclude (reject_reasons, row_key, quota_cells),
        if(
            places_in_cells.record_id is null,
            judged.reject_reasons,
            list_filter([
                if(places_in_cells.is_repeated, 'row.repeated', null),
                if(places_in_cells.is_beyond_quota, 'not_asked_for', null),
            ], lambda reason: reason is not null)
        ) as reject_reasons,

    from judged
    left join places_in_cells on judged.record_id = places_in_cells.record_id

)
{% endmacro %}

{#- How many dates of a column must say that the day (or month) stands first, and none the other. -#}
{% macro dates_that_settle() -%} 5 {%- endmacro %}

{#-
    CTEs that end with `texts_of_<source>`: the records of the CTE `source`, each with the text of every
    column of the contract as `_text_<column>`, which is no name that a contract can have.
-#}
{% macro texts_of(dataset, source) %}
    {%- set columns = contract_columns(dataset) -%}
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
        written.run_id,
        written.response_id,
        written.parsed_with,
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
        -- The number of the row, where some of its values were handed over.
        trim(written.field_values[places.row_place]) as row_key,

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

texts_of_{{ source }} as (

    select
        * exclude (texts),
        {%- for column in columns %}
        {%- set text = 'texts[' ~ loop.index ~ ']' %}
        {{ written_text(column, "if(is_coded and " ~ text ~ " = '-', null, " ~ text ~ ")" if codes(column) else text) }}
            as _text_{{ column.name }},
        {%- endfor %}

    from completed_{{ source }}

),
{% endmacro %}

{#- The model behind int_<dataset>_cast. -#}
{% macro cast_records(dataset) %}
    {%- set logic = cast_logic(dataset) -%}
with records as not materialized (

    select * from {{ ref('stg_llm_records') }}
    where
        dataset = {{ sql_text(dataset) }}
        {%- if is_incremental() %}
        and response_id not in (select response_id from {{ this }})
        {%- endif %}

),

{{ logic }}

select
    *,
    {{ sql_text(local_md5(logic)) }} as logic_hash,

from outcomes
{% endmacro %}

{#- Whether a value that was typed had been written in another way than was asked for. -#}
{% macro was_rewritten(column) -%}
    {%- if is_compacted(column) -%} not is_coded and {% endif -%}
    ({{ is_normalised(column, '_text_' ~ column.name) }})
{%- endmacro %}

{#- The categories or bands of a row in the columns that its request had quotas for. -#}
{% macro quota_labels(columns) -%}
    list_transform(
        cast(quota_cells -> '$.columns' as varchar[]),
        lambda name: case name
            {%- for column in columns if (column.get('population') or {}).get('shares') %}
            when {{ sql_text(column.name) }} then
                {%- if column.kind == 'integer' %} case
                    {%- for band in bands(column) %}
                    {%- set ends = modules.re.fullmatch('(-?[0-9]+)-(-?[0-9]+)', band).groups() %}
                    when {{ column.name }} between {{ ends[0] }} and {{ ends[1] }} then {{ sql_text(band) }}
                    {%- endfor %}
                    when {{ column.name }} is null then ''
                end
                {%- else %} coalesce({{ column.name }}, '')
                {%- endif %}
            {%- endfor %}
            -- a column that had shares when it was asked for
            when '' then ''
        end
    )
{%- endmacro %}

{#- Bands of an integer column with shares, also where these depend on another column. -#}
{% macro bands(column) %}
    {%- set spread = column.population -%}
    {%- set found = [] -%}
    {%- for shares in (spread.shares.values() if spread.get('given') else [spread.shares]) -%}
        {%- for band in shares if band not in found -%} {%- do found.append(band) -%} {%- endfor -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}

{% macro quota_cells_type() -%} struct(labels varchar[], rows integer)[] {%- endmacro %}

{#- The model behind a mart that carries a contract: its accepted records. -#}
{% macro accepted_records(dataset) %}
with judged as (

    select * from {{ ref('int_' ~ dataset ~ '_cast') }}

)

select
    record_id,
    run_id,
    response_id,
    len(normalised_columns) > 0 as was_normalised,
    {%- for column in contract_columns(dataset) %}
    {{ column.name }},
    {%- endfor %}

from judged
where len(reject_reasons) = 0
{% endmacro %}

{#- The model behind <dataset>_rejected: what was not accepted, why, and the text as it came. -#}
{% macro rejected_records(dataset) %}
with judged as (

    select * from {{ ref('int_' ~ dataset ~ '_cast') }}

),

records as (

    select * from {{ ref('stg_llm_records') }}

)

select
    judged.record_id,
    judged.run_id,
    judged.response_id,
    judged.reject_reasons,
    records.record_text,

from judged
inner join records on judged.record_id = records.record_id
where len(judged.reject_reasons) > 0
{% endmacro %}
