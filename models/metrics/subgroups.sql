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
            'subgroup_structure', 'subgroup_utility'
        )

),

final as (

    select
        ---------- ids
        run_id,
        dataset,
        split_part(subject, ', ', 1) as column_name,
        if(is_of_target, regexp_replace(of_column, '^[^,]+, ', ''), of_column) as group_name,
        measure,
        if(is_of_target, split_part(of_column, ', ', 1), null) as target,

        ---------- the score
        value as score,
        low as score_low,
        high as score_high,

    from scores

)

select * from final
