-- Nothing vanishes: an answer without a record is counted as one of what it may be.
with unread_answers as (

    select * from {{ ref('unread_answers') }}

)

select
    run_id,
    dataset,
    answers_without_record,
    refused,
    filtered,
    failed,
    only_reasoned,
    only_prose,
    empty,

from unread_answers
where answers_without_record <> refused + filtered + failed + only_reasoned + only_prose + empty
