{#-
    One row per run, column of the contract and code: how many of the records found have it, whether it is
    allowed, and whether it was written just so. Numbers and dates are not told apart. Real rows, which are
    without a run, have categories only.
-#}
{% macro written_values(dataset) %}
    {%- set records = ref('int_' ~ dataset ~ '_cast') %}
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
    union all
    {%- endfor %}
    select
        dataset,
        null as run_id,
        column_name,
        code,
        true as is_allowed,
        false as is_normalised,
        count(*) as record_count,
    from (
        select
            dataset,
            unnest({{ sql_list(scored_columns(dataset) | map(attribute='name')) }}) as column_name,
            unnest(codes) as code,
        from {{ ref('int_' ~ dataset ~ '_coded') }}
        where not is_holdout
    )
    group by all
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

{#- The identifiers of a dataset in lower case: of the reference, and of the samples of its runs. -#}
{% macro identifier_texts(dataset) %}
    {%- set columns = contract_columns(dataset) | selectattr('kind', 'equalto', 'identifier') | list -%}
    {%- for relation, record_id, half in [
        (ref(dataset), 'written.record_id', 'coded.block is not null'),
        (ref('stg_reference_' ~ dataset), 'cast(written.row_number as varchar)', 'coded.run_id is null'),
    ] %}
    select
        coded.dataset,
        coded.run_id,
        coded.record_id,
        {{ 'written.response_id' if loop.first else 'cast(null as varchar)' }} as response_id,
        unnest([
            {%- for column in columns %}
            struct_pack(column_name := {{ sql_text(column.name) }}, text := lower(written.{{ column.name }})),
            {%- else %}
            struct_pack(column_name := '', text := cast(null as varchar)),
            {%- endfor %}
        ], recursive := true),

    from {{ ref('int_' ~ dataset ~ '_coded') }} as coded
    inner join {{ relation }} as written on coded.record_id = {{ record_id }}
    where {{ half }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}
