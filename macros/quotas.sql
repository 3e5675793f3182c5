{#- The categories or bands of a row in the columns that its request had quotas for. -#}
{% macro quota_labels(columns) -%}
    list_transform(
        cast(quota_cells -> '$.columns' as varchar[]),
        lambda name: case name
            {%- for column in columns if (column.get('population') or {}).get('shares') %}
            when {{ sql_text(column.name) }} then
                {%- if column.kind == 'integer' %} case
                    {%- for band in bands(column) %}
                    {%- set ends = modules.re.fullmatch('(-?[0-9]+)(?:-(-?[0-9]+))?', band).groups() %}
                    when {{ column.name }} between {{ ends[0] }} and {{ ends[1] or ends[0] }} then {{ sql_text(band) }}
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

{#- A CTE: accepted rows that no quota asked for, which would spoil the mix, or that came before. -#}
{% macro places_in_cells() %}

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
{%- endmacro %}
