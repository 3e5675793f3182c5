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
{%- if parent %}

---------- what a row belongs to: what its request called so

parents as (

    select
        record_id as _parent_record,
        parsed_with as parent_parsed_with,
        len(reject_reasons) = 0 as is_parent_accepted,
        struct_pack(
            {%- for column in contract_columns(parent.to) %}
            {{ column.name }} := {{ column.name }},
            {%- endfor %}
            {%- for name in parent.to_columns %}
            _key_{{ name }} := {{ name }},
            {%- endfor %}
        ) as parent,

    from {{ ref('int_' ~ parent.to ~ '_cast') }}

),

related as (

    select
        typed.*,
        parents.*,
        parents_asked[row_key].record_id as parent_record_id,
        parents_asked[row_key].children as children_asked,

    from (
        select *, cast(parents as {{ parents_type() }}) as parents_asked from typed
    ) as typed
    left join parents on typed.parents_asked[typed.row_key].record_id = parents._parent_record

),
{%- endif %}

judged as (

    select
        ---------- ids
        record_id,
        run_id,
        response_id,
        {%- if parent %}
        parent_record_id,
        parent_parsed_with,
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
            {%- if parent %}
            case
                when parents is null then null
                when children_asked is null then 'unknown_parent'
                when not coalesce(is_parent_accepted, false) then 'parent_rejected'
            end,
            {%- for rule in contract_children(dataset).get('rules', []) %}
            case when not ({{ rule.holds }}) then {{ sql_text(rule.name) }} end,
            {%- endfor %}
            {%- endif %}
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

        ---------- what made it
        parsed_with,

    from {{ 'related' if parent else 'typed' }}

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

{%- if parent %}

places_in_families as (

    select
        record_id,
        row_number() over (
            partition by response_id, parent_record_id
            order by cast(split_part(record_id, '-', -1) as integer)
        ) > children_asked as is_beyond_family,

    from judged
    where
        children_asked is not null
        and len(reject_reasons) = 0

),
{%- endif %}

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
    {{ sql_text(local_md5(logic ~ logic_above(dataset))) }} as logic_hash,

from outcomes
{% endmacro %}

{#- The logic of all that a row belongs to, which judges whether it can be accepted. -#}
{% macro logic_above(dataset) -%}
    {%- set parent = contract_parent(dataset) -%}
    {{ (cast_logic(parent.to) ~ logic_above(parent.to)) if parent }}
{%- endmacro %}

{#- Whether a value that was typed had been written in another way than was asked for. -#}
{% macro was_rewritten(column) -%}
    {%- if is_compacted(column) or column.kind == 'date' -%} not is_coded and {% endif -%}
    ({{ is_normalised(column) }})
{%- endmacro %}

{#- The type of `parents`: what a request called each, which record that is, how many rows it asked for. -#}
{% macro parents_type() -%}
    map(varchar, struct(record_id varchar, children integer))
{%- endmacro %}

{#- SQL of a key: that of what the row belongs to, its own if it has one, else the record. -#}
{% macro key_value(dataset, column) -%}
    {%- set found = namespace(sql=none) -%}
    {%- for foreign in contract_constraints(dataset, 'foreign_key') -%}
        {%- if column.name in foreign['columns'] and not found.sql -%}
            {%- set to_column = foreign['to_columns'][foreign['columns'].index(column.name)] -%}
            {%- set found.sql = 'parent._key_' ~ to_column if loop.first else 'cast(null as varchar)' -%}
            {%- set found.sql = 'coalesce(' ~ found.sql ~ ', _key_' ~ column.name ~ ')' -%}
        {%- endif -%}
    {%- endfor -%}
    {{ found.sql or 'coalesce(_key_' ~ column.name ~ ', record_id)' }}
{%- endmacro %}
