{{ config(materialized='view') }}

{% for dataset in var('datasets') %}
select
    record_id,
    run_id,
    {{ sql_text(dataset) }} as dataset,
    response_id,
    reject_reasons,
    len(reject_reasons) = 0 as is_accepted,

from {{ ref('int_' ~ dataset ~ '_cast') }}
{{ 'union all' if not loop.last }}
{% endfor %}
