{{ config(materialized='view') }}

{% for dataset in var('datasets') %}
select * from {{ ref('int_' ~ dataset ~ '_coded') }}
{{ 'union all' if not loop.last }}
{% endfor %}
