-- Nothing vanishes: what was found is in the mart or among the rejected.
select
    run_id,
    records_found,
    rows_accepted,
    rows_rejected,

from {{ ref('generation_runs') }}
where records_found <> rows_accepted + rows_rejected
{% for dataset in var('datasets') %}
union all

select
    '{{ dataset }}' as run_id,
    (
        select count(*) from {{ ref('stg_llm_records') }}
        where dataset = '{{ dataset }}'
    ) as found,
    (select count(*) from {{ ref(dataset) }}) as accepted,
    (select count(*) from {{ ref(dataset ~ '_rejected') }}) as rejected,

where found <> accepted + rejected
{% endfor %}
