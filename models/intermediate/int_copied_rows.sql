with hashes as (

    select * from {{ ref('int_row_hashes') }}

),

real_rows as (

    select
        dataset,
        folded_hash,
        count(*) as row_count,
        list(row_hash) as row_hashes,

    from hashes
    where is_real
    group by dataset, folded_hash

),

final as (

    select
        hashes.dataset,
        hashes.record_id,
        hashes.is_real,
        list_contains(real_rows.row_hashes, hashes.row_hash) as is_exact,

    from hashes
    inner join real_rows
    on hashes.dataset = real_rows.dataset
    and hashes.folded_hash = real_rows.folded_hash
    -- A real row is no copy of itself.
    where not hashes.is_real or real_rows.row_count > 1

)

select * from final
