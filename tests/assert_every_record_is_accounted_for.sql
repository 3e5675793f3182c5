-- Nothing vanishes: what was found in a response is in the mart or among the rejected.
with response_audit as (

    select * from {{ ref('response_audit') }}

),

kept as (

    {% for dataset in var('datasets') %}
    select
        response_id,
        count(*) filter (where is_accepted) as accepted,
        count(*) filter (where not is_accepted) as rejected,

    from (
        select
            response_id,
            true as is_accepted,
        from {{ ref(dataset) }}
        union all
        select
            response_id,
            false as is_accepted,
        from {{ ref(dataset ~ '_rejected') }}
    )
    group by response_id
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    response_audit.response_id,
    response_audit.records_found,
    response_audit.rows_accepted,
    response_audit.rows_rejected,

from response_audit
left join kept on response_audit.response_id = kept.response_id
where
    response_audit.records_found <> response_audit.rows_accepted + response_audit.rows_rejected
    or response_audit.rows_accepted <> coalesce(kept.accepted, 0)
    or response_audit.rows_rejected <> coalesce(kept.rejected, 0)
