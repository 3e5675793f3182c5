{#-
    The logic of int_<dataset>_cast: one row per record of the CTE `records`, every column of the
    contract typed, with the reasons for which the record is rejected (an empty list where it is
    accepted). Its last CTE is `outcomes`.
-#}
{% macro cast_logic(dataset) %}
    {%- set columns = contract_columns(dataset) -%}
    {%- set keys = key_columns(dataset) -%}
    {%- set parent = contract_parent(dataset) -%}

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
        list_position(plain_names, {{ sql_text('key' if parent else 'row') }}) as row_place,
        {%- if keys %}
        list_transform(
            {{ plain_names(sql_list(keys | map(attribute='label'))) }},
            lambda label: list_position(plain_names, label)
        ) as key_places,
        {%- endif %}

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
        count(*) filter (where {{ day_or_month('_day_' ~ column.name, 1) }} > 12) as _first_{{ column.name }},
        count(*) filter (where {{ day_or_month('_day_' ~ column.name, 2) }} > 12) as _second_{{ column.name }},
        case
            when _first_{{ column.name }} >= {{ dates_that_settle() }} and _second_{{ column.name }} = 0 then true
            when _second_{{ column.name }} >= {{ dates_that_settle() }} and _first_{{ column.name }} = 0 then false
        end as _is_day_first_{{ column.name }},
        {%- endif %}
        {%- endfor %}

    from texts_of_unclear_records
    group by response_id

),

numbered as (

    select
        written.*,
        {%- set is_comma = {} %}
        {%- for column in columns %}
        {%- if column.kind in ('integer', 'decimal') %}
        {%- do is_comma.update({column.name: '_is_comma_' ~ column.name}) %}
        {%- elif column.kind == 'date' %}
        _is_day_first_{{ column.name }},
        {%- endif %}
        {%- endfor %}
        {{- number_texts(columns, is_comma) | indent(4) }}

    from texts_of_records as written
    left join conventions on written.response_id = conventions.response_id

),

typed as (

    select
        *,
        {%- for column in columns %}
        {%- set value = typed_value(column, '_is_day_first_' ~ column.name) %}
        {%- if is_compacted(column) %}
        coalesce(if(is_coded, {{ decoded_value(column) }}, null), {{ value }}) as {{ column.name }},
        {%- else %}
        {{ value }} as {{ column.name }},
        {%- endif %}
        {%- endfor %}

    from numbered

),
{{- related_rows(dataset) }}

judged as (

    select
        ---------- ids
        record_id,
        run_id,
        response_id,
        {%- if parent %}
        parent_record_id,
        {%- endif %}
        {%- for column in keys %}
        {{ key_value(dataset, column) }} as {{ column.name }},
        {%- endfor %}

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
            {{- family_reasons(dataset) | indent(8) }}
            {%- for column in columns %}
            if(are_repeated[{{ loop.index }}], '{{ column.name }}.repeated', null),
            if(have_other_units[{{ loop.index }}], '{{ column.name }}.other_unit', null),
            {{ reject_reason(column) }},
            {%- endfor %}
            {%- for rule in contract_rules(dataset) %}
            case when not ({{ rule.holds }}) then {{ sql_text(rule.name) }} end,
            {%- endfor %}
        ], lambda reason: reason is not null)) as reject_reasons,

        ---------- what was asked for
        if(drawn_values is null, null, row_key) as row_key,
        quota_cells,
        {{ quota_labels(columns) }} as quota_cell,
        {%- if parent %}
        children_asked,
        {%- endif %}

    from {{ 'related' if parent else 'typed' }}

),
{{- places_in_cells() }}
{{- places_in_families(dataset) }}

outcomes as (

    select
        judged.* exclude (reject_reasons, row_key, quota_cells{{ ', children_asked' if parent }}),
        if(
            len(judged.reject_reasons) > 0,
            judged.reject_reasons,
            list_filter([
                if(places_in_cells.is_repeated, 'row.repeated', null),
                if(places_in_cells.is_beyond_quota, 'not_asked_for', null),
                {%- if parent %}
                if(places_in_families.is_beyond_family, 'more_children_than_asked', null),
                {%- endif %}
            ], lambda reason: reason is not null)
        ) as reject_reasons,

    from judged
    left join places_in_cells on judged.record_id = places_in_cells.record_id
    {%- if parent %}
    left join places_in_families on judged.record_id = places_in_families.record_id
    {%- endif %}

)
{% endmacro %}

{#- Whether a response of the dataset has landed after that number. -#}
{% macro has_landed(dataset, number) -%}
    {{ return(run_query(
        'select exists(from raw.llm_responses where landed_number > ' ~ number
        ~ ' and dataset = ' ~ sql_text(dataset) ~ ')'
    ).columns[0].values()[0]) }}
{%- endmacro %}

{#- The model behind int_<dataset>_cast. -#}
{% macro cast_records(dataset) %}
    {%- set readers = ['stg_llm_json_records', 'stg_llm_csv_records', 'stg_llm_readings'] -%}
    {%- do readers.append('int_' ~ contract_parent(dataset).to ~ '_cast') if contract_parent(dataset) -%}
    {%- set logic = cast_logic(dataset) ~ '-- read by ' ~ logic_of(readers) -%}
    {%- set has_read = read_so_far(local_md5(logic)) | int -%}
{{ reads_responses(logic, readers) }}
{%- if has_read and flags.WHICH in ('run', 'build') and not flags.EMPTY and not has_landed(dataset, has_read) %}
{#- DuckDB would plan what stands below for half a second, to find that there is nothing to be read. #}
select * from {{ this }} where false
{%- else %}
with records as not materialized (

    select * from {{ ref('stg_llm_records') }}
    {{ where_unread(has_read, readers) }}
    and dataset = {{ sql_text(dataset) }}

),

{{ logic }}

select * from outcomes
{%- endif %}
{% endmacro %}
