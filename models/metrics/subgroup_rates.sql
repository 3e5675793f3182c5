with scores as (

    select
        *,
        regexp_extract(
            subject,
            '^([^,]+), ([^,]+), (\d+), (.*)$',
            ['column_name', 'target', 'code', 'group_name']
        ) as about,

    from {{ ref('scores') }}
    where
        score_name in (
            'subgroup_rate', 'real_subgroup_rate', 'subgroup_gap', 'real_subgroup_gap',
            'subgroup_bias'
        )

),

final as (

    select
        ---------- ids
        run_id,
        dataset,
        about.column_name,
        about.group_name,
        about.target,
        max(note) filter (where score_name = 'real_subgroup_rate') as target_value,

        ---------- the rate in the group, here and in real rows
        max(value) filter (where score_name = 'subgroup_rate') as rate,
        max(low) filter (where score_name = 'subgroup_rate') as rate_low,
        max(high) filter (where score_name = 'subgroup_rate') as rate_high,
        max(value) filter (where score_name = 'real_subgroup_rate') as real_rate,
        max(low) filter (where score_name = 'real_subgroup_rate') as real_rate_low,
        max(high) filter (where score_name = 'real_subgroup_rate') as real_rate_high,

        ---------- its gap to the rate among all others
        max(value) filter (where score_name = 'subgroup_gap') as gap,
        max(low) filter (where score_name = 'subgroup_gap') as gap_low,
        max(high) filter (where score_name = 'subgroup_gap') as gap_high,
        max(value) filter (where score_name = 'real_subgroup_gap') as real_gap,
        max(low) filter (where score_name = 'real_subgroup_gap') as real_gap_low,
        max(high) filter (where score_name = 'real_subgroup_gap') as real_gap_high,
        max(note) filter (where score_name = 'subgroup_bias') as verdict,

    from scores
    group by run_id, dataset, about.column_name, about.group_name, about.target, about.code

)

select * from final
