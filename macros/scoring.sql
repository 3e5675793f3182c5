{#-
    Columns that are compared, in order: name, kind, is_categorical, is_nullable, is_target, is_derived, sql. Integers, decimals, dates (as
    days since 1970-01-01) and derived columns are numbers. Identifiers are not compared: a name has no
    distribution worth matching.
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

{#- One row per compared column of a dataset; its codes are from 0 to one less than `code_count`. -#}
{% macro scored_column_rows(dataset) %}
    {%- set columns = scored_columns(dataset) -%}
    select
        {{ sql_text(dataset) }} as dataset,
        {%- if not columns %}
        cast(null as integer) as column_number,
        cast(null as varchar) as column_name,
        cast(null as varchar) as kind,
        cast(null as boolean) as is_number,
        cast(null as boolean) as is_nullable,
        cast(null as integer) as code_count,
        cast(null as varchar[]) as made_from,
    where false
        {%- else %}
        unnest([
            {%- for column in columns %}
            struct_pack(
                column_number := {{ loop.index }},
                column_name := {{ sql_text(column.name) }},
                kind := {{ sql_text(column.kind) }},
                is_number := {{ not column.is_categorical }},
                is_nullable := {{ column.is_nullable }},
                code_count := {{ 1 + (column.accepted_values | length if column.is_categorical else var('bins')) }},
                made_from := {{ made_from(dataset, column) }}
            ),
            {%- endfor %}
        ], recursive := true),
        {%- endif %}
{% endmacro %}

{#- SQL of the contract's columns that a compared one is, or is derived from. -#}
{% macro made_from(dataset, column) -%}
    {%- set names = [] -%}
    {%- if column.is_derived -%}
        {%- for source in sources_of(dataset, column.sql) -%} {%- do names.append(sql_text(source.name)) -%} {%- endfor -%}
    {%- else -%}
        {%- do names.append(sql_text(column.name)) -%}
    {%- endif -%}
    [{{ names | join(', ') }}]
{%- endmacro %}

{#- SQL of the number of a category, in the order of the contract from 1; 0 where it is missing. -#}
{% macro code_of(column) -%}
    cast(coalesce(list_position([
        {%- for value in column.accepted_values %}{{ sql_text(value) }}, {% endfor -%}
    ], {{ column.get('sql', column.name) }}), 0) as usmallint)
{%- endmacro %}

{#-
    One row per run, column of the contract and code: how many of the records found have it, whether it is
    allowed, and whether it was written just so. Numbers and dates are not told apart.
-#}
{% macro written_values(dataset) %}
    {%- set records = ref('int_' ~ dataset ~ '_cast') %}
    {%- if contract_columns(dataset) | rejectattr('kind', 'equalto', 'identifier') | list | length == 0 %}
    select
        {{ sql_text(dataset) }} as dataset,
        run_id,
        cast(null as varchar) as column_name,
        cast(null as usmallint) as code,
        cast(null as boolean) as is_allowed,
        cast(null as boolean) as is_normalised,
        cast(null as bigint) as record_count,
    from {{ records }}
    where false
    {%- endif %}
    {%- for column in contract_columns(dataset) if column.kind != 'identifier' %}
    {%- set reasons = [] -%}
    {%- for reason in ['missing', 'unparseable', 'ambiguous', 'not_allowed', 'out_of_range', 'repeated'] -%}
        {%- do reasons.append(sql_text(column.name ~ '.' ~ reason)) -%}
    {%- endfor %}
    select
        {{ sql_text(dataset) }} as dataset,
        run_id,
        {{ sql_text(column.name) }} as column_name,
        {{ code_of(column) if column.kind == 'categorical' else 'cast(null as usmallint)' }} as code,
        not list_has_any(reject_reasons, [{{ reasons | join(', ') }}]) as is_allowed,
        list_contains(normalised_columns, {{ sql_text(column.name) }}) as is_normalised,
        count(*) as record_count,
    from {{ records }}
    where not list_contains(reject_reasons, 'cut_off')
    group by all
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- SQL of an array with one number per block of rows; `sql` has a place for the block's number. -#}
{% macro by_block(sql) -%}
    cast([
        {%- for block in range(1, var('blocks') + 1) %}
        coalesce({{ sql.format(block) }}, 0),
        {%- endfor %}
    ] as float[{{ var('blocks') }}])
{%- endmacro %}

{#- SQL of the bin of a number: how many of the `edges`, a list, it exceeds, from 1; 0 where it is null. -#}
{% macro bin_of(number, edges) -%}
    cast(coalesce(1
        {%- for edge in range(1, var('bins')) %} + cast({{ number }} > {{ edges }}[{{ edge }}] as utinyint){% endfor -%}
    , 0) as usmallint)
{%- endmacro %}

{#-
    The model behind int_<dataset>_coded: each compared value as a small number. Categories are numbered
    in the order of the contract, numbers by the bins of the train half, 0 being a missing value.
    Every count of the scores is made from these codes.
-#}
{% macro coded_rows(dataset) %}
    {%- set columns = scored_columns(dataset) -%}
with reference_rows as (

    select * from {{ ref('stg_reference_' ~ dataset) }}

),

synthetic_rows as (

    select * from {{ ref(dataset) }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

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

    {%- for run_number, half in [(0, 'not is_holdout'), (-1, 'is_holdout')] %}
    select
        {{ run_number }} as run_number,
        cast(row_number as varchar) as record_id,
        cast(null as utinyint) as block,
        {%- for column in contract_columns(dataset) %}
        {{ column.name }},
        {%- endfor %}

    from reference_rows
    where {{ half }}

    union all

    {%- endfor %}

    select
        runs.run_number,
        synthetic_rows.record_id,
        sampled_records.block,
        {%- for column in contract_columns(dataset) %}
        synthetic_rows.{{ column.name }},
        {%- endfor %}

    from synthetic_rows
    inner join runs on synthetic_rows.run_id = runs.run_id
    left join sampled_records on synthetic_rows.record_id = sampled_records.record_id

)

select
    ---------- ids
    cast(placed.run_number as integer) as run_number,
    placed.record_id,
    placed.block,

    ---------- codes
    {%- for column in columns %}
    {%- if column.is_categorical %}
    {{ code_of(column) }} as _code_{{ column.name }},
    {%- else %}
    {{ bin_of(column.sql, 'edges._edges_' ~ column.name) }} as _code_{{ column.name }},
    {%- endif %}
    {%- endfor %}

    ---------- numbers
    {%- for column in columns if not column.is_categorical %}
    cast({{ column.sql }} as double) as _number_{{ column.name }},
    {%- endfor %}

from placed
cross join edges
{% endmacro %}

{#-
    The rows of a dataset as hashes, by which copies are found: the whole row, the same in any letter
    case, and without what copies of a row differ in.
-#}
{% macro hashed_rows(dataset) %}
    {%- set columns = contract_columns(dataset) -%}
    {%- set left_out = contract_left_out_of_duplicates(dataset) -%}
    {%- set relations = [
        (ref('stg_reference_' ~ dataset), 'cast(row_number as varchar)', 'true'),
        (ref(dataset), 'record_id', 'false'),
    ] -%}
    {%- for relation, record_id, is_real in relations %}
    select
        {{ sql_text(dataset) }} as dataset,
        {{ record_id }} as record_id,
        {{ is_real }} as is_real,
        hash({% for column in columns %}{{ column.name }}{{ ', ' if not loop.last }}{% endfor %}) as row_hash,
        hash({% for column in columns %}{{ folded(column) }}{{ ', ' if not loop.last }}{% endfor %}) as folded_hash,
        hash({% for column in columns if column.name not in left_out %}{{ folded(column) }}{{ ', ' if not loop.last }}{% endfor %})
            as copy_group,
    from {{ relation }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- SQL of a value in lower case, where it is a text. -#}
{% macro folded(column) -%}
    {{ 'lower(' ~ column.name ~ ')' if column.data_type == 'varchar' else column.name }}
{%- endmacro %}

{#- For each compared column, how many rows have each code: `keys` first, then the others. -#}
{% macro count_cells(dataset, relation, keys) %}
    {%- for column in scored_columns(dataset) %}
    select
        {{ keys }},
        {{ loop.index }} as column_number,
        _code_{{ column.name }} as cell,
        count(*) as row_count,
    from {{ relation }}
    group by all
    {{ 'union all' if not loop.last }}
    {%- else %}
    select
        {{ keys }},
        cast(null as integer) as column_number,
        cast(null as usmallint) as cell,
        cast(null as bigint) as row_count,
    from {{ relation }}
    where false
    {%- endfor %}
{% endmacro %}

{#- Rows of each cell, over every row that is compared. -#}
{% macro cells(dataset) %}
select
    {{ sql_text(dataset) }} as dataset,
    *,

from (
    {{ count_cells(dataset, ref('int_' ~ dataset ~ '_coded'), 'run_number') }}
)
where run_number >= 0
{% endmacro %}

{#- Rows of each cell by block, over the rows of the runs that are in a sample. -#}
{% macro block_cells(dataset) %}
with sampled as materialized (

    select * from {{ ref('int_' ~ dataset ~ '_coded') }}
    where block is not null

),

counted as (

    {{ count_cells(dataset, 'sampled', 'run_number, block') }}

)

select
    {{ sql_text(dataset) }} as dataset,
    run_number,
    column_number,
    cell,
    {{ by_block('sum(row_count) filter (where block = {})') }} as rows_by_block,

from counted
group by run_number, column_number, cell
{% endmacro %}

{#- The coded rows of a dataset, with a list of all codes and one of all numbers, for Python. -#}
{% macro coded_lists(dataset) %}
    {%- set columns = scored_columns(dataset) %}
    select
        {{ sql_text(dataset) }} as dataset,
        run_number,
        record_id,
        block,
        [
            {%- for column in columns %}
            _code_{{ column.name }},
            {%- endfor %}
        ]::usmallint[] as codes,
        [
            {%- for column in columns %}
            {{ 'null' if column.is_categorical else '_number_' ~ column.name }},
            {%- endfor %}
        ]::double[] as numbers,
    from {{ ref('int_' ~ dataset ~ '_coded') }}
{% endmacro %}

{#- For each column of numbers of a dataset, how many rows of each run have each number. -#}
{% macro number_counts(dataset) %}
    {%- set coded = ref('int_' ~ dataset ~ '_coded') %}
    {%- for column in scored_columns(dataset) %}
    {%- if not column.is_categorical %}
    select
        {{ sql_text(dataset) }} as dataset,
        run_number,
        {{ loop.index }} as column_number,
        _number_{{ column.name }} as number,
        count(*) as row_count,
    from {{ coded }}
    where run_number >= 0 and _number_{{ column.name }} is not null
    group by all
    union all
    {%- endif %}
    {%- endfor %}
    select
        {{ sql_text(dataset) }} as dataset,
        0 as run_number,
        0 as column_number,
        0.0 as number,
        0 as row_count,
    where false
{% endmacro %}

{#-
    Values of a dataset whose repetition is counted: identifiers in lower case, numbers and dates, and the
    whole row as a hash without a column name; of the reference and of each run's sample.
-#}
{% macro text_values(dataset) %}
    {%- for relation, key, half in [
        (ref(dataset), 'written.record_id', 'coded.block is not null'),
        (ref('stg_reference_' ~ dataset), 'cast(written.row_number as varchar)', 'coded.run_number <= 0'),
    ] %}
    select
        {{ sql_text(dataset) }} as dataset,
        coded.run_number,
        coded.block,
        coded.record_id,
        {{ 'written.response_id' if loop.first else 'cast(null as varchar)' }} as response_id,
        unnest([
            {%- for column in contract_columns(dataset) if column.kind != 'categorical' %}
            struct_pack(
                column_name := {{ sql_text(column.name) }},
                is_identifier := {{ column.kind == 'identifier' }},
                text := lower(cast(written.{{ column.name }} as varchar))
            ),
            {%- endfor %}
            struct_pack(
                column_name := cast(null as varchar),
                is_identifier := false,
                text := cast(hashed_rows.folded_hash as varchar)
            )
        ], recursive := true),

    from {{ ref('int_' ~ dataset ~ '_coded') }} as coded
    inner join {{ relation }} as written on coded.record_id = {{ key }}
    inner join {{ ref('int_row_hashes') }} as hashed_rows
    on coded.record_id = hashed_rows.record_id
    and hashed_rows.is_real = (coded.run_number <= 0)
    and hashed_rows.dataset = {{ sql_text(dataset) }}
    where {{ half }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- The values that a contract allows, with their codes. -#}
{% macro allowed_values(dataset) %}
    select
        {{ sql_text(dataset) }} as dataset,
        unnest([
            {%- for column in scored_columns(dataset) if column.is_categorical %}
            {%- for value in column.accepted_values %}
            struct_pack(
                column_name := {{ sql_text(column.name) }},
                code := {{ loop.index }},
                allowed_value := {{ sql_text(value) }}
            ),
            {%- endfor %}
            {%- endfor %}
            struct_pack(
                column_name := cast(null as varchar), code := 0, allowed_value := cast(null as varchar)
            )
        ], recursive := true),
{% endmacro %}

{#-
    What makes a row of a dataset plausible: its rules, and the pairs of values that go together. Each
    check has a name, a sentence, and SQL that is null where the row has no answer.
-#}
{% macro plausibility_checks(dataset) %}
    {%- set found = [] -%}
    {%- for rule in contract_rules(dataset) -%}
        {%- do found.append({'name': rule.name, 'sentence': rule.sentence, 'sql': '(' ~ rule.holds ~ ')'}) -%}
    {%- endfor -%}
    {%- for pair in contract_plausible_pairs(dataset) -%}
        {%- set cases = [] -%}
        {%- for given, values in pair['values'].items() -%}
            {%- set texts = [] -%}
            {%- for value in values -%}{%- do texts.append(sql_text(value)) -%}{%- endfor -%}
            {%- do cases.append(
                'when ' ~ pair.given ~ ' = ' ~ sql_text(given)
                ~ ' then ' ~ pair.column ~ ' in (' ~ texts | join(', ') ~ ')'
            ) -%}
        {%- endfor -%}
        {%- do found.append({
            'name': pair.name, 'sentence': pair.sentence, 'sql': 'case ' ~ cases | join(' ') ~ ' end',
        }) -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}

{#-
    How many records of each response, and of the reference (without a run), can be checked and are
    plausible, by check; without a name where all checks of a record are taken together.
-#}
{% macro checked_records(dataset) %}
    {%- set checks = plausibility_checks(dataset) %}
with records as (

    select
        run_id,
        response_id,
        [
            {%- for check in checks %}
            {{ check.sql }},
            {%- endfor %}
        ]::boolean[] as answers,

    from {{ ref('int_' ~ dataset ~ '_cast') }}
    where not list_contains(reject_reasons, 'cut_off')

    union all

    select
        null as run_id,
        null as response_id,
        [
            {%- for check in checks %}
            {{ check.sql }},
            {%- endfor %}
        ]::boolean[] as answers,

    from {{ ref('stg_reference_' ~ dataset) }}

),

counted as (

    select
        run_id,
        response_id,
        {%- for check in checks %}
        count(answers[{{ loop.index }}]) as checked_{{ loop.index }},
        count(*) filter (where answers[{{ loop.index }}]) as plausible_{{ loop.index }},
        {%- endfor %}
        count(list_bool_and(answers)) as checked,
        count(*) filter (where list_bool_and(answers)) as plausible,

    from records
    group by run_id, response_id

)

select
    {{ sql_text(dataset) }} as dataset,
    run_id,
    response_id,
    unnest([
        {%- for check in checks %}
        struct_pack(
            check_name := {{ sql_text(check.name) }},
            sentence := {{ sql_text(check.sentence) }},
            records_checked := checked_{{ loop.index }},
            records_plausible := plausible_{{ loop.index }}
        ),
        {%- endfor %}
        struct_pack(
            check_name := cast(null as varchar),
            sentence := cast(null as varchar),
            records_checked := checked,
            records_plausible := plausible
        )
    ], recursive := true),

from counted
{% endmacro %}

{#-
    Numbers that stand for the compared values of a dataset, for classifiers and distances: one for
    each value of a category, 0 or 1; one for each number, in standard deviations from the mean of the
    train half (0 where it is missing); one more for whether a nullable column is missing. `place` is
    that of the number in the list, from 0; `made_from` are the columns of the contract that it shows.
-#}
{% macro features(dataset) %}
    {%- set found = [] -%}
    {%- for column in scored_columns(dataset) -%}
        {%- set made_from = sources_of(dataset, column.sql) | map(attribute='name') | list
            if column.is_derived else [column.name] -%}
        {%- if column.is_categorical -%}
            {%- for value in column.accepted_values -%}
                {%- do found.append({
                    'column': column, 'made_from': made_from, 'is_missing': false,
                    'sql': 'cast(coded._code_' ~ column.name ~ ' = ' ~ loop.index ~ ' as float)',
                }) -%}
            {%- endfor -%}
        {%- else -%}
            {%- do found.append({
                'column': column, 'made_from': made_from, 'is_missing': false,
                'sql': 'coalesce((coded._number_' ~ column.name ~ ' - spreads._mean_' ~ column.name ~ ') / nullif(spreads._spread_'
                    ~ column.name ~ ', 0), 0)',
            }) -%}
        {%- endif -%}
        {%- if column.is_nullable -%}
            {%- do found.append({
                'column': column, 'made_from': made_from, 'is_missing': true,
                'sql': 'cast(coded._code_' ~ column.name ~ ' = 0 as float)',
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}

{#- One row per feature of a dataset. -#}
{% macro feature_names(dataset) %}
    {%- set found = features(dataset) %}
    select
        {{ sql_text(dataset) }} as dataset,
        {%- if not found %}
        cast(null as integer) as place,
        cast(null as varchar) as column_name,
        cast(null as boolean) as is_number,
        cast(null as boolean) as is_target,
        cast(null as boolean) as is_missing,
        cast(null as varchar[]) as made_from,
    where false
        {%- else %}
        unnest([
            {%- for feature in found %}
            struct_pack(
                place := {{ loop.index0 }},
                column_name := {{ sql_text(feature.column.name) }},
                is_number := {{ not feature.column.is_categorical }},
                is_target := {{ feature.column.is_target }},
                is_missing := {{ feature.is_missing }},
                made_from := [{% for name in feature.made_from %}{{ sql_text(name) }}, {% endfor %}]
            ),
            {%- endfor %}
        ], recursive := true),
        {%- endif %}
{% endmacro %}

{#-
    The features of the rows of the runs' samples, and of so many rows of the reference, in an order made
    by a hash.
-#}
{% macro feature_rows(dataset) %}
with coded as (

    select * from {{ ref('int_' ~ dataset ~ '_coded') }}
    where block is not null or run_number <= 0

),

hashed_rows as (

    select * from {{ ref('int_row_hashes') }}
    where dataset = {{ sql_text(dataset) }}

),

spreads as (

    select
        {%- for column in scored_columns(dataset) if not column.is_categorical %}
        avg(_number_{{ column.name }}) as _mean_{{ column.name }},
        stddev_samp(_number_{{ column.name }}) as _spread_{{ column.name }},
        {%- endfor %}
        count(*) as row_count,

    from coded
    where run_number = 0

)

select
    {{ sql_text(dataset) }} as dataset,
    coded.run_number,
    coded.record_id,
    coded.block,
    hashed_rows.copy_group,
    row_number() over (
        partition by coded.run_number
        order by md5_number_lower(concat_ws('|', {{ var('seed') }}, coded.record_id)), coded.record_id
    ) as place,
    [
        {%- for feature in features(dataset) %}
        {{ feature.sql }},
        {%- endfor %}
    ]::float[] as features,

from coded
inner join hashed_rows
on coded.record_id = hashed_rows.record_id and hashed_rows.is_real = (coded.run_number <= 0)
cross join spreads
qualify coded.run_number > 0 or place <= {{ var('real_rows_in_samples') }}
{% endmacro %}
