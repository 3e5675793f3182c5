-- A run's rows are shuffled into blocks; a half-sample is half of the blocks, without replacement.
-- Which blocks, depends on nothing but how many there are, so the runs share the draws.
with numbers as (

    select unnest(range(1, {{ var('blocks') }} + 1)) as number

),

draws as (

    select unnest(range(1, {{ var('half_samples') }} + 1)) as draw

),

shuffled as (

    select
        sizes.number as blocks,
        draws.draw,
        numbers.number as block,
        row_number() over (
            partition by sizes.number, draws.draw
            order by
                md5_number_lower(concat_ws('|', {{ var('seed') }}, draws.draw, numbers.number)),
                numbers.number
        ) as place,

    from numbers as sizes
    inner join numbers on sizes.number >= numbers.number
    cross join draws
    where sizes.number >= 4

),

halves as (

    select
        blocks,
        draw,
        {{ by_block("max(cast(place <= blocks // 2 as integer)) filter (where block = {})") }}
            as is_drawn,

    from shuffled
    group by blocks, draw

),

-- Draw 0 is every row.
everything as (

    select
        number as blocks,
        0 as draw,
        {{ by_block("cast({} <= number as integer)") }} as is_drawn,

    from numbers

),

final as (

    select * from everything
    union all
    select * from halves

)

select * from final
