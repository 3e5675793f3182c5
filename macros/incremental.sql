{#-
    How incremental models know what is new. Responses are numbered as they land, and raw.llm_readers has,
    for each model, up to which number it has read them, by which logic, and how many they were. So a
    build reads what has come since, however much there is. Where other logic did, or where somebody has
    deleted some of them, the model forgets all and reads anew.
-#}

{#-
    The config of a model that reads responses, and its first lines, from which its hooks know the hash
    of its logic, and the models whose rows it reads; without any, it reads the responses themselves.
-#}
{% macro reads_responses(logic, inputs=[]) %}
    {{- config(
        materialized='incremental',
        on_schema_change='sync_all_columns',
        pre_hook='{{ begin_reading() }}',
        post_hook='{{ note_how_far() }}',
    ) -}}
-- logic {{ local_md5(logic) }}
-- reads {{ inputs | join(' ') }}
{%- endmacro %}

{#- A clause: the responses, or records of them, beyond what the model has read, that its inputs have. -#}
{% macro where_unread(has_read, inputs=[]) %}
    where {{ 'landed_number > ' ~ has_read if has_read else 'true' }}
    {%- if inputs and execute and this and has_readers() %}
    and landed_number <= {{ run_query('select ' ~ read_by(inputs)).columns[0].values()[0] }}
    {%- endif %}
{%- endmacro %}

{#- The number up to which the model has read by this logic; 0 where it begins. -#}
{% macro read_so_far(logic_hash) %}
    {%- set number = 0 -%}
    {%- if execute and is_incremental() and has_readers() -%}
        {%- set found = run_query(
            'select landed_number from raw.llm_readers where model = ' ~ sql_text(this.identifier)
            ~ ' and logic_hash = ' ~ sql_text(logic_hash)
            ~ ' and response_count = ' ~ count_of_responses('llm_readers.landed_number')
            ~ no_parent_is_judged_otherwise()
        ) -%}
        {%- set number = found.columns[0].values()[0] if found.rows else 0 -%}
    {%- endif -%}
    {{ number }}
{%- endmacro %}

{#- SQL of the number up to which all of these models have read; 0 where one never has. -#}
{% macro read_by(models) -%}
    (
        select if(count(*) = {{ models | length }}, min(landed_number), 0)
        from raw.llm_readers
        where list_contains({{ sql_list(models) }}, model)
    )
{%- endmacro %}

{#- SQL of how many responses have landed up to a number: fewer than were read where some were deleted. -#}
{% macro count_of_responses(number) -%}
    (select count(*) from raw.llm_responses where landed_number <= {{ number }})
{%- endmacro %}

{#- A condition: no row was rejected for a parent that is accepted, or the other way; it may have landed late. -#}
{% macro no_parent_is_judged_otherwise() %}
    {%- set is_cast = this.identifier.startswith('int_') and this.identifier.endswith('_cast') -%}
    {%- set parent = contract_parent(this.identifier[4:-5]) if is_cast -%}
    {%- if parent %}
    and not exists (
        select 1
        from {{ this }} as children
        left join {{ ref('int_' ~ parent.to ~ '_cast') }} as parents
            on children.parent_record_id = parents.record_id
        where
            children.parent_record_id is not null
            and not list_contains(children.reject_reasons, 'cut_off')
            and coalesce(len(parents.reject_reasons) = 0, false)
            = list_contains(children.reject_reasons, 'parent_rejected')
    )
    {%- endif %}
{%- endmacro %}

{#- The hashes of these models' logic, as they were read by: what follows from them changes with them. -#}
{% macro logic_of(models) %}
    {%- if execute and has_readers() -%}
        {{ run_query(
            "select coalesce(string_agg(logic_hash, ' ' order by model), '') from raw.llm_readers"
            ~ ' where list_contains(' ~ sql_list(models) ~ ', model)'
        ).columns[0].values()[0] }}
    {%- endif -%}
{%- endmacro %}

{#- Whether raw.llm_readers is there: dbt can compile before it has ever built. -#}
{% macro has_readers() -%}
    {{ return(adapter.get_relation(target.database, 'raw', 'llm_readers') is not none) }}
{%- endmacro %}

{#- The pre-hook: a model that begins forgets what it has; not where dbt builds it without rows. -#}
{% macro begin_reading() %}
    {%- if execute and not flags.EMPTY %}
    {%- set logic_hash = modules.re.search('-- logic ([0-9a-f]{32})', model['compiled_code']).group(1) %}
    {%- if read_so_far(logic_hash) | int == 0 %}
    insert or replace into raw.llm_readers
    values ({{ sql_text(this.identifier) }}, {{ sql_text(logic_hash) }}, 0, 0);
    {{ 'delete from ' ~ this if is_incremental() }}
    {%- endif %}
    {%- endif %}
{%- endmacro %}

{#- The post-hook: how far the model has read now, which is as far as its inputs have. -#}
{% macro note_how_far(inputs=none) %}
    {%- if execute %}
    {%- set inputs = inputs or modules.re.search('-- reads ?(.*)', model['compiled_code']).group(1).split() %}
    {%- set number = read_by(inputs) if inputs else '(select coalesce(max(landed_number), 0) from raw.llm_responses)' %}
    update raw.llm_readers
    set
        landed_number = {{ number }},
        response_count = {{ count_of_responses(number) }}
    where model = {{ sql_text(this.identifier) }} {{ 'and false' if flags.EMPTY }}
    {%- endif %}
{%- endmacro %}

{#- Contracts that an older `synthcare contract infer` wrote call these as hooks of their own. -#}
{% macro forget_rows_of_other_logic() %}{% endmacro %}
{% macro forget_rows_parsed_anew() %}{% endmacro %}
