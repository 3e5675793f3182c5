-- What does no record explain? Answers without one, and the ten of each run with most other text.
with response_audit as (

    select * from {{ ref('response_audit') }}

),

-- Without the baselines, whose answers are real rows.
runs as (

    select * from {{ ref('unread_answers') }}

),

final as (

    select
        response_audit.run_id,
        response_audit.dataset,
        response_audit.response_id,
        response_audit.records_found,
        response_audit.taken_for,
        response_audit.unexplained_share,
        response_audit.longest_unexplained,

    from response_audit
    inner join runs on response_audit.run_id = runs.run_id and response_audit.dataset = runs.dataset
    where response_audit.records_found = 0 or response_audit.unexplained_share > 0
    qualify
        response_audit.records_found = 0
        or row_number() over (
            partition by
                response_audit.run_id, response_audit.dataset, response_audit.records_found = 0
            order by response_audit.unexplained_share desc, response_audit.response_id asc
        ) <= 10

)

select * from final
order by run_id asc, dataset asc, records_found = 0 desc, unexplained_share desc, response_id asc
