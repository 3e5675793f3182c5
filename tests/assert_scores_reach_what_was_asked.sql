-- A gate for CI: dbt build --vars '{fail_under: {overall: 0.9}}' fails where an LLM's run scores
-- less, or has no such score. A run that leaks falls short of any overall and privacy.
with scorecard as (

    select * from {{ ref('scorecard') }}
    where coalesce(provider, '') not in ('independent', 'holdout', 'kept')

),

fell_short as (

    {%- for score, least in var('fail_under').items() %}
    select
        run_id,
        dataset,
        '{{ score }}' as score_name,
        {{ score }} as score,
        {{ least }} as least,

    from scorecard
    where
        coalesce({{ score }}, -1) < {{ least }}
        {%- if score in ['overall', 'privacy'] %}
        or leaks is not null
        {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- else %}
    select
        run_id,
        dataset,
        '' as score_name,
        overall as score,
        0 as least,

    from scorecard
    where false
    {%- endfor %}

)

select * from fell_short
