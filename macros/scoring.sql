{#-
    One row per row and scored column of a relation of a dataset. Categories stay text; integers,
    decimals, dates (as days since 1970-01-01) and derived columns become numbers. Identifiers are not
    scored: a name has no distribution worth matching.
-#}
{% macro scored_values(dataset, relation, key_columns, row_filter='true') %}
    {%- set scored = [] -%}
    {%- for column in contract_columns(dataset) if column.kind != 'identifier' -%}
        {%- do scored.append(column) -%}
    {%- endfor -%}
    select
        {{ sql_text(dataset) }} as dataset,
        {{ key_columns }},
        unnest([
            {%- for column in scored %}
            struct_pack(
                column_name := {{ sql_text(column.name) }},
                kind := {{ sql_text(column.kind) }},
                {%- if column.kind == 'categorical' %}
                category := {{ column.name }},
                number := cast(null as double)
                {%- elif column.kind == 'date' %}
                category := cast(null as varchar),
                number := cast(datediff('day', date '1970-01-01', {{ column.name }}) as double)
                {%- else %}
                category := cast(null as varchar),
                number := cast({{ column.name }} as double)
                {%- endif %}
            ),
            {%- endfor %}
            {%- for derived in contract_derived(dataset) %}
            struct_pack(
                column_name := {{ sql_text(derived.name) }},
                kind := 'integer',
                category := cast(null as varchar),
                number := cast({{ derived.sql }} as double)
            ),
            {%- endfor %}
        ], recursive := true),

    from {{ relation }}
    where {{ row_filter }}
{% endmacro %}

{#-
    Expected total variation distance between a sample of `size` and the distribution that it was drawn
    from, one cell at a time: half of E|p_hat - p|, by De Moivre's closed form for the binomial,
    E|X - np| = 2 v (1-p)^(n-v+1) p^v C(n, v) with v = floor(np) + 1 (Diaconis and Zabell, 1991).
-#}
{% macro expected_cell_distance(share, size) %}
    case
        when {{ share }} <= 0 or {{ share }} >= 1 then 0
        else exp(
            ln(floor({{ size }} * {{ share }}) + 1)
            + ({{ size }} - floor({{ size }} * {{ share }})) * ln(1 - {{ share }})
            + (floor({{ size }} * {{ share }}) + 1) * ln({{ share }})
            + lgamma({{ size }} + 1)
            - lgamma(floor({{ size }} * {{ share }}) + 2)
            - lgamma({{ size }} - floor({{ size }} * {{ share }}))
        ) / {{ size }}
    end
{% endmacro %}

{#-
    Expected Kolmogorov-Smirnov distance of a sample of effective size `size` from its own distribution:
    the mean of the Kolmogorov distribution, sqrt(pi / 2) ln 2, over Stephens' (1970) finite-sample scale.
-#}
{% macro expected_ks_distance(size) %}
    sqrt(pi() / 2) * ln(2) / (sqrt({{ size }}) + 0.12 + 0.11 / sqrt({{ size }}))
{% endmacro %}

{#- One row per accepted record and column of text of a dataset: identifiers and categories. -#}
{% macro text_values(dataset) %}
    select
        {{ sql_text(dataset) }} as dataset,
        run_id,
        response_id,
        record_id,
        unnest([
            {%- for column in contract_columns(dataset) if column.kind in ('identifier', 'categorical') %}
            struct_pack(
                column_name := {{ sql_text(column.name) }},
                kind := {{ sql_text(column.kind) }},
                text := {{ column.name }},
                allowed_values := {{ column.get('accepted_values', []) | length }}
            ),
            {%- endfor %}
        ], recursive := true),

    from {{ ref(dataset) }}
{% endmacro %}
