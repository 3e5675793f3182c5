{#-
    Columns that are compared, in order: name, kind, is_categorical, is_nullable, is_target, is_sensitive,
    is_derived, sql. Integers, decimals, dates (as days since 1970-01-01) and derived columns are numbers.
    Identifiers are not among them: a name has no distribution worth matching.
-#}
{% macro scored_columns(dataset) %}
    {%- set found = [] -%}
    {%- for column in contract_columns(dataset) if column.kind != 'identifier' -%}
        {%- set days = "datediff('day', date '1970-01-01', " ~ column.name ~ ")" -%}
        {%- do found.append({
            'name': column.name,
            'kind': column.kind,
            'is_categorical': column.kind == 'categorical',
            'sql': days if column.kind == 'date' else column.name,
            'accepted_values': column.get('accepted_values', []),
            'is_nullable': column.get('nullable', false),
            'is_target': column.get('target', false),
            'is_sensitive': column.get('sensitive', false),
            'is_derived': false,
        }) -%}
    {%- endfor -%}
    {%- for derived in contract_derived(dataset) -%}
        {%- set kind = derived.get('kind', 'integer') -%}
        {%- set nullable_sources = [] -%}
        {%- for column in sources_of(dataset, derived.sql) if column.get('nullable') -%}
            {%- do nullable_sources.append(column.name) -%}
        {%- endfor -%}
        {%- do found.append({
            'name': derived.name,
            'kind': kind,
            'is_categorical': kind == 'categorical',
            'sql': derived.sql,
            'accepted_values': derived.get('accepted_values', []),
            'is_nullable': nullable_sources | length > 0,
            'is_target': derived.get('target', false),
            'is_sensitive': derived.get('sensitive', false),
            'is_derived': true,
        }) -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}

{#- Columns of the contract that stand in an SQL expression; words in quotes and functions do not count. -#}
{% macro sources_of(dataset, sql) %}
    {%- set found = [] -%}
    {%- set bare = modules.re.sub("'[^']*'", "''", sql) -%}
    {%- for column in contract_columns(dataset)
        if modules.re.search('\\b' ~ column.name ~ '\\b(?!\\s*[(])', bare) -%}
        {%- do found.append(column) -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}

{#- One row per column of a dataset that is coded; codes are from 0 to one less than `code_count`. -#}
{% macro scored_column_rows(dataset) %}
    {%- set compared = scored_columns(dataset) %}
    select
        {{ sql_text(dataset) }} as dataset,
        unnest([
            {%- for column in compared %}
            struct_pack(
                column_number := {{ loop.index }},
                column_name := {{ sql_text(column.name) }},
                kind := {{ sql_text(column.kind) }},
                is_number := {{ not column.is_categorical }},
                is_nullable := {{ column.is_nullable }},
                is_target := {{ column.is_target }},
                is_sensitive := {{ column.is_sensitive }},
                code_count := {{ 1 + (column.accepted_values | length if column.is_categorical else var('bins')) }},
                accepted_values := {{ sql_list(column.accepted_values) }},
                derived_from := {{ sql_list(sources_of(dataset, column.sql) | map(attribute='name') if column.is_derived else []) }}
            ),
            {%- endfor %}
            {%- for column in contract_columns(dataset) if column.kind == 'identifier' %}
            struct_pack(
                column_number := {{ loop.index }},
                column_name := {{ sql_text(column.name) }},
                kind := 'identifier',
                is_number := false,
                is_nullable := {{ column.get('nullable', false) }},
                is_target := false,
                is_sensitive := false,
                code_count := cast(null as integer),
                accepted_values := {{ sql_list([]) }},
                derived_from := {{ sql_list([]) }}
            ),
            {%- endfor %}
        ], recursive := true),
{% endmacro %}

{#- SQL of the number of a category, in the order of the contract from 1; 0 where it is missing. -#}
{% macro code_of(column) -%}
    cast(coalesce(list_position([
        {%- for value in column.accepted_values %}{{ sql_text(value) }}, {% endfor -%}
    ], {{ column.get('sql', column.name) }}), 0) as usmallint)
{%- endmacro %}

{#- SQL of the bin of a number: how many of the `edges`, a list, it exceeds, from 1; 0 where it is null. -#}
{% macro bin_of(number, edges) -%}
    cast(coalesce(1
        {%- for edge in range(1, var('bins')) %} + cast({{ number }} > {{ edges }}[{{ edge }}] as utinyint){% endfor -%}
    , 0) as usmallint)
{%- endmacro %}

{#-
    The model behind int_<dataset>_coded: the rows of runs and reference as lists of numbers, from which
    every score is made. Codes are the numbers of categories in the order of the contract, or the bins of
    numbers of the train half, 0 being a missing value. What is hashed is for finding copies: the whole
    row, the same in any letter case, and without what copies of a row differ in.
-#}
{% macro coded_rows(dataset) %}
    {%- set columns = scored_columns(dataset) -%}
    {%- set written = contract_columns(dataset) -%}
    {%- set left_out = contract_left_out_of_duplicates(dataset) -%}
with reference_rows as (

    select * from {{ ref('stg_reference_' ~ dataset) }}

),

synthetic_rows as (

    select * from {{ ref(dataset) }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}
    where dataset = {{ sql_text(dataset) }}

),

sampled_records as (

    select * from {{ ref('int_sampled_records') }}

),

edges as (

    select
        count(*) as _row_count,
        {%- for column in columns if not column.is_categorical %}
        quantile_disc({{ column.sql }}, [
            {%- for edge in range(1, var('bins')) %}{{ edge / var('bins') }}, {% endfor -%}
        ]) as _edges_{{ column.name }},
        {%- endfor %}

    from reference_rows
    where
        not is_holdout
        and row_number % (
            select 1 + count(*) // {{ 2 * var('real_rows_in_samples') }} from reference_rows
        ) = 0

),

-- One half after the other, so that what asks for one half does not read the other.
placed as (

    {%- for half in ['not is_holdout', 'is_holdout'] %}
    select
        cast(null as varchar) as run_id,
        is_holdout,
        cast(row_number as varchar) as record_id,
        cast(null as varchar) as response_id,
        unit,
        cast(null as utinyint) as block,
        true as is_looked_at,
        {{- family_columns(dataset) | indent(4) }}
        {%- for column in written %}
        {{ column.name }},
        {%- endfor %}

    from reference_rows
    where {{ half }}

    union all

    {%- endfor %}

    select
        runs.run_id,
        cast(null as boolean) as is_holdout,
        synthetic_rows.record_id,
        synthetic_rows.response_id,
        sampled_records.unit,
        sampled_records.block,
        sampled_records.block is not null as is_looked_at,
        {{- family_columns(dataset, is_run=true) | indent(4) }}
        {%- for column in written %}
        synthetic_rows.{{ column.name }},
        {%- endfor %}

    from synthetic_rows
    inner join runs on synthetic_rows.run_id = runs.run_id
    left join sampled_records on synthetic_rows.record_id = sampled_records.record_id
    where runs.is_counted_whole or {{ is_drawn('synthetic_rows') }}

)

select
    ---------- ids
    {{ sql_text(dataset) }} as dataset,
    placed.run_id,
    placed.is_holdout,
    placed.record_id,

    ---------- what is drawn together, and the order in which rows are looked at
    hash(placed.response_id) as response,
    placed.unit,
    placed.block,
    if(
        placed.is_looked_at,
        md5_number_lower(concat_ws('|', {{ var('seed') }}, placed.record_id)),
        null
    ) as place_in_sample,

    ---------- what it belongs to
    placed._key as key,
    placed._parent_key as parent_key,
    placed._place_in_family as place_in_family,

    ---------- values
    [
        {%- for column in columns %}
        {{ code_of(column) if column.is_categorical else bin_of(column.sql, 'edges._edges_' ~ column.name) }},
        {%- endfor %}
    ]::usmallint[] as codes,
    [
        {%- for column in columns %}
        {{ 'null' if column.is_categorical else column.sql }},
        {%- endfor %}
    ]::double[] as numbers,

    ---------- hashes
    [
        {%- for column in written if column.kind == 'identifier' %}
        if(placed.{{ column.name }} is null, 0, hash(lower(placed.{{ column.name }}))),
        {%- endfor %}
    ]::ubigint[] as identifiers,
    hash({% for column in written %}{{ column.name }}{{ ', ' if not loop.last }}{% endfor %}) as exact,
    hash({% for column in written %}{{ folded(column) }}{{ ', ' if not loop.last }}{% endfor %}) as folded,
    hash({% for column in written if column.name not in left_out %}{{ folded(column) }}{{ ', ' if not loop.last }}{% endfor %})
        as twins,

from placed
cross join edges
{% endmacro %}
