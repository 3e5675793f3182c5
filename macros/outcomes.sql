{#- The model behind a mart that carries a contract: its accepted records. -#}
{% macro accepted_records(dataset) %}
with judged as (

    select * from {{ ref('int_' ~ dataset ~ '_cast') }}

)

select
    record_id,
    run_id,
    response_id,
    len(normalised_columns) > 0 as was_normalised,
    {%- for column in key_columns(dataset) %}
    {{ column.name }},
    {%- endfor %}
    {%- for column in contract_columns(dataset) %}
    {{ column.name }},
    {%- endfor %}

from judged
where len(reject_reasons) = 0
{% endmacro %}

{#- The model behind <dataset>_rejected: what was not accepted, why, and the text as it came. -#}
{% macro rejected_records(dataset) %}
with judged as (

    select * from {{ ref('int_' ~ dataset ~ '_cast') }}

),

records as (

    select * from {{ ref('stg_llm_records') }}

)

select
    judged.record_id,
    judged.run_id,
    judged.response_id,
    judged.reject_reasons,
    records.record_text,

from judged
inner join records on judged.record_id = records.record_id
where len(judged.reject_reasons) > 0
{% endmacro %}
