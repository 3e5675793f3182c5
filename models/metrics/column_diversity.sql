with scores as (

    {{ wide_scores('column_diversity', [
        'distinct_values', 'expected_distinct_values', 'entropy', 'reference_entropy',
        'reference_most_repeated_share',
    ]) }}

),

-- The note of a category or number says which it is; names are hashes to the library.
most_repeated as (

    {{ wide_scores('most_repeated_share', []) }}

),

runs as (

    select * from {{ ref('int_scored_runs') }}

),

sampled_records as (

    select * from {{ ref('int_sampled_records') }}

),

identifiers as (

    select * from {{ ref('int_identifiers') }}
    where run_id is not null and text is not null

),

rows_per_run as (

    select
        run_id,
        dataset,
        count(*) as row_count,

    from sampled_records
    group by run_id, dataset

),

texts as (

    select
        run_id,
        dataset,
        column_name,
        text,
        count(*) as row_count,

    from identifiers
    group by run_id, dataset, column_name, text

),

most_repeated_texts as (

    select
        run_id,
        dataset,
        column_name,
        arg_min(text, struct_pack(a := -row_count, b := text)) as most_repeated_value,

    from texts
    group by run_id, dataset, column_name

),

final as (

    select
        ---------- ids
        scores.run_id,
        scores.dataset,
        scores.subject as column_name,
        scores.note as part,

        ---------- the score
        rows_per_run.row_count as rows_compared,
        scores.score,
        scores.score_low,
        scores.score_high,

        ---------- what it is made of
        cast(scores.distinct_values as bigint) as distinct_values,
        scores.expected_distinct_values,
        scores.entropy,
        scores.reference_entropy,

        ---------- the most repeated value
        coalesce(most_repeated.note, most_repeated_texts.most_repeated_value)
            as most_repeated_value,
        most_repeated.score as most_repeated_share,
        scores.reference_most_repeated_share,

    from scores
    inner join runs on scores.run_id = runs.run_id and scores.dataset = runs.dataset
    inner join rows_per_run
    on runs.run_id = rows_per_run.run_id
    and runs.dataset = rows_per_run.dataset
    left join most_repeated
    on scores.run_id = most_repeated.run_id
    and scores.dataset = most_repeated.dataset
    and scores.subject = most_repeated.subject
    left join most_repeated_texts
    on runs.run_id = most_repeated_texts.run_id
    and runs.dataset = most_repeated_texts.dataset
    and scores.subject = most_repeated_texts.column_name
    where scores.distinct_values is not null or scores.entropy is not null

)

select * from final
