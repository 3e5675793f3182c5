with hashed_rows as (

    select * from {{ ref('int_row_hashes') }}

),

real_rows as (

    select
        dataset,
        folded_hash,
        count(*) as row_count,
        list(row_hash) as row_hashes,

    from hashed_rows
    where is_real
    group by dataset, folded_hash

),

final as (

    select
        hashed_rows.dataset,
        hashed_rows.record_id,
        hashed_rows.is_real,
        list_contains(real_rows.row_hashes, hashed_rows.row_hash) as is_exact,

    from hashed_rows
    inner join real_rows
    on hashed_rows.dataset = real_rows.dataset
    and hashed_rows.folded_hash = real_rows.folded_hash
    -- A real row is no copy of itself.
    where not hashed_rows.is_real or real_rows.row_count > 1

)

select * from final
