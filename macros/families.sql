{#-
    Rows that belong to others, such as the stays of a patient. What a request named as parents is in
    `parents`: for each key that it gave, the record and how many rows it asked for.
-#}

{#- CTEs that end with `related`: typed rows with what they belong to, a struct `parent` of its columns. -#}
{% macro related_rows(dataset) %}
{%- set parent = contract_parent(dataset) %}
{%- if parent %}

---------- what a row belongs to: what its request called so

parents as (

    select
        record_id as _parent_record,
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
{%- endmacro %}

{#- Elements of a list of reasons: why a row cannot belong to what it says, rules across tables among them. -#}
{% macro family_reasons(dataset) %}
    {%- if contract_parent(dataset) %}
        case
            when parents is null then null
            when children_asked is null then 'unknown_parent'
            when not coalesce(is_parent_accepted, false) then 'parent_rejected'
        end,
        {%- for rule in contract_children(dataset).get('rules', []) %}
        case when not ({{ rule.holds }}) then {{ sql_text(rule.name) }} end,
        {%- endfor %}
    {%- endif %}
{%- endmacro %}

{#- A CTE: which accepted rows are more than their request asked for, of their parent. -#}
{% macro places_in_families(dataset) %}
{%- if contract_parent(dataset) %}


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

{#-
    SQL of the keys of a row as hashes, and of where it stands among the rows of one parent: by the column
    that gives the order, or, where no LLM writes that one, in the order of the answers.
-#}
{% macro family_columns(dataset, is_run=false) %}
    {%- set parent = contract_parent(dataset) -%}
    {%- set order = contract_children(dataset).get('order') -%}
    {%- set written = contract_columns(dataset) | selectattr('name', 'equalto', order) | list %}
        {{ hash_of(contract_key(dataset)) }} as _key,
        {{ hash_of(parent['columns'] if parent else []) }} as _parent_key,
        cast(
        {%- if not order -%} null
        {%- elif written and written[0].kind == 'date' -%} epoch({{ order }})
        {%- elif written -%} {{ order }}
        {%- elif is_run -%}
            10000000 * cast(split_part(synthetic_rows.record_id, '-', -2) as bigint)
            + cast(split_part(synthetic_rows.record_id, '-', -1) as bigint)
        {%- else -%} coalesce(try_cast({{ order }} as double), epoch(try_cast({{ order }} as timestamp)))
        {%- endif %} as double) as _place_in_family,
{%- endmacro %}

{#- Datasets whose rows belong to others, or that others belong to. -#}
{% macro related_datasets() %}
    {%- set found = [] -%}
    {%- for dataset in var('datasets') if contract_parent(dataset) -%}
        {%- do found.extend([dataset, contract_parent(dataset).to]) -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}

{#- SQL of the hash of a key, null where there is none or a part of it is missing. -#}
{% macro hash_of(columns) -%}
    {%- if columns -%} if({{ key_text(columns) }} is null, null, hash({{ key_text(columns) }}))
    {%- else -%} cast(null as ubigint)
    {%- endif -%}
{%- endmacro %}
