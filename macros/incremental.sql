{#-
    How incremental models know what is new. Responses are numbered as they land, and raw.llm_readers has
    for each model up to which number it has read them, and the hash of the SQL that did. So a build reads
    what has come since, however much there is. Where other SQL did, the model forgets all and reads anew.
-#}

{#- The config of a model that reads responses, and its first line, in which the hash of its logic is. -#}
{% macro reads_responses(logic) %}
    {{- config(
        materialized='incremental',
        on_schema_change='sync_all_columns',
        pre_hook='{{ begin_reading() }}',
        post_hook='{{ note_how_far() }}',
    ) -}}
-- logic {{ local_md5(logic) }}
{%- endmacro %}

{#- A clause: which responses, or records of them, the model has not read by this logic. -#}
{% macro where_unread(logic) %}
    {%- set number = read_so_far(local_md5(logic)) | int -%}
    {{ 'where landed_number > ' ~ number if number else 'where true' }}
{%- endmacro %}

{#- The number up to which the model has read by this logic; 0 where it begins. -#}
{% macro read_so_far(logic_hash) %}
    {%- set number = 0 -%}
    {%- if execute and is_incremental() and has_readers() -%}
        {%- set found = run_query(
            'select landed_number from raw.llm_readers where model = ' ~ sql_text(this.identifier)
            ~ ' and logic_hash = ' ~ sql_text(logic_hash)
        ) -%}
        {%- set number = found.columns[0].values()[0] if found.rows else 0 -%}
    {%- endif -%}
    {{ number }}
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

{#- The pre-hook: a model whose logic is another one forgets what it has. -#}
{% macro begin_reading() %}
    {%- if execute %}
    {%- set logic_hash = modules.re.search('-- logic ([0-9a-f]{32})', model['compiled_code']).group(1) %}
    {%- if read_so_far(logic_hash) | int == 0 %}
    insert or replace into raw.llm_readers values ({{ sql_text(this.identifier) }}, {{ sql_text(logic_hash) }}, 0);
    {{ 'delete from ' ~ this if is_incremental() }}
    {%- endif %}
    {%- endif %}
{%- endmacro %}

{#- The post-hook, in the transaction that wrote the rows. -#}
{% macro note_how_far() %}
    update raw.llm_readers
    set landed_number = (select coalesce(max(landed_number), 0) from raw.llm_responses)
    where model = {{ sql_text(this.identifier) }} {{ 'and false' if flags.EMPTY }}
{%- endmacro %}
