-- Two prices of one model in one tier would double its cost.
select
    model,
    tier,

from {{ ref('llm_prices') }}
group by model, tier
having count(*) > 1
