with excesses as (

    {{ wide_scores('privacy_excess', []) }}

),

shares as (

    {{ wide_scores('privacy_share', ['real_privacy_share']) }}

),

final as (

    select
        ---------- ids
        excesses.run_id,
        excesses.dataset,
        excesses.subject as risk,

        ---------- how often it hits, and by chance
        shares.score as share,
        shares.score_low as share_low,
        shares.score_high as share_high,
        shares.real_privacy_share as share_by_chance,

        ---------- the excess, as a share of what chance leaves
        excesses.score as excess,
        excesses.score_low as excess_low,
        excesses.score_high as excess_high,
        excesses.note as in_words,

    from excesses
    inner join shares
    on excesses.run_id = shares.run_id
    and excesses.dataset = shares.dataset
    and excesses.subject = shares.subject

)

select * from final
