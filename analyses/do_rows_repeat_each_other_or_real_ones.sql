-- Do rows repeat each other, or real ones? Repeats and copies in per cent, beside real rows, and
-- whether rows are nearer to real ones than chance makes them.
with diversity as (

    select * from {{ ref('diversity') }}

),

privacy as (

    select * from {{ ref('privacy') }}

),

final as (

    select
        diversity.llm,
        diversity.prompt_level,
        diversity.instruction_level,
        diversity.variety,
        round(diversity.diversity, 2) as diversity,
        round(100 * diversity.repeated_rows_share, 1) as repeated_rows,
        round(100 * diversity.prompt_echo_share, 1) as names_of_the_prompt,
        round(privacy.privacy, 2) as privacy,
        round(100 * privacy.copied_share, 1) as copies_of_real_rows,
        round(100 * privacy.reference_copied_share, 1) as real_rows_with_a_twin,
        round(100 * privacy.nearer_share, 1) as nearer_to_train_rows,
        privacy.leaks_because,
        privacy.exposure,

    from diversity
    inner join privacy on diversity.run_id = privacy.run_id and diversity.dataset = privacy.dataset

)

select * from final
order by llm asc, prompt_level asc, instruction_level asc, variety asc
