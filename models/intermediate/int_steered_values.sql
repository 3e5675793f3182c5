with responses as (

    select * from {{ ref('stg_llm_responses') }}
    where dictated_values is not null

),

by_column as (

    select
        response_id,
        run_id,
        dataset,
        unnest(map_entries(cast(dictated_values as map(varchar, map(varchar, integer))))) as entry,

    from responses

),

dictated as (

    select
        response_id,
        run_id,
        dataset,
        entry.key as column_name,
        unnest(map_entries(entry.value)) as pair,

    from by_column

),

accepted as (

    {%- for dataset in var('datasets') %}
    select
        response_id,
        column_name,
        written,
        count(*) as rows_accepted,

    from (
        unpivot (
            select
                response_id,
                {%- for column in contract_columns(dataset) %}
                coalesce(cast({{ column.name }} as varchar), '') as {{ column.name }},
                {%- endfor %}

            from {{ ref(dataset) }}
            where response_id in (select response_id from responses)
        )
        on columns(* exclude (response_id))
        into name column_name value written
    )
    group by response_id, column_name, written
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

final as (

    select
        ---------- ids
        dictated.run_id,
        dictated.dataset,
        dictated.response_id,

        ---------- the value
        dictated.column_name,
        dictated.pair.key as dictated_value,

        ---------- counts
        dictated.pair.value as rows_dictated,
        coalesce(accepted.rows_accepted, 0) as rows_accepted,

    from dictated
    left join accepted
    on dictated.response_id = accepted.response_id
    and dictated.column_name = accepted.column_name
    and dictated.pair.key = accepted.written

)

select * from final
