with scores as (

    select
        *,
        regexp_replace(score_name, '^subgroup_', '') as measure,
        score_name not in ('subgroup_representation', 'subgroup_column_fidelity') as is_of_target,
        regexp_replace(subject, '^[^,]+, ', '') as of_column,

    from {{ ref('scores') }}
    where
        score_name in (
            'subgroup_representation', 'subgroup_column_fidelity', 'subgroup_target_fidelity',
            'subgroup_structure', 'subgroup_utility', 'subgroup_predictability'
        )

),

shares as (

    {{ wide_scores('subgroup_share', ['real_subgroup_share']) }}

),

groups as (

    select
        *,
        split_part(subject, ', ', 1) as column_name,
        if(is_of_target, regexp_replace(of_column, '^[^,]+, ', ''), of_column) as group_name,
        if(is_of_target, split_part(of_column, ', ', 1), null) as target,

    from scores

),

final as (

    select
        ---------- ids
        groups.run_id,
        groups.dataset,
        groups.column_name,
        groups.group_name,
        groups.measure,
        groups.target,

        ---------- the score
        groups.value as score,
        groups.low as score_low,
        groups.high as score_high,

        ---------- how many rows are of the group
        shares.score as share,
        shares.real_subgroup_share as real_share,

    from groups
    left join shares
    on groups.run_id = shares.run_id
    and groups.dataset = shares.dataset
    and concat(groups.column_name, ', ', groups.group_name) = shares.subject

)

select * from final
