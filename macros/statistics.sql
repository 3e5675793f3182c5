{#- Formulas of statistics, as SQL expressions. docs/metrics.md has the sources in full. -#}

{#-
    Chance that a value which `copies` of `rows` rows have is among `size` of them, drawn without
    replacement (rarefaction, Hurlbert 1971); with replacement where there are not so many.
-#}
{% macro chance_to_be_drawn(copies, rows, size) %}
    case
        when {{ size }} > {{ rows }} then 1 - power(1 - {{ copies }} / {{ rows }}, {{ size }})
        when {{ copies }} + {{ size }} > {{ rows }} then 1
        else 1 - exp(
            lgamma({{ rows }} - {{ copies }} + 1)
            - lgamma({{ rows }} - {{ copies }} - {{ size }} + 1)
            - lgamma({{ rows }} + 1)
            + lgamma({{ rows }} - {{ size }} + 1)
        )
    end
{% endmacro %}

{#-
    Half a 95 % interval: the `spread` of the half-samples, times Student's t with one degree of freedom
    less than there are `blocks`, by the expansion of Cornish and Fisher (Abramowitz and Stegun, 1964,
    26.7.5).
-#}
{% macro margin(spread, blocks) -%}
    {{ spread }} * (
        1.959964
        + 2.372271 / ({{ blocks }} - 1)
        + 2.822499 / power({{ blocks }} - 1, 2)
        + 2.555850 / power({{ blocks }} - 1, 3)
        + 1.589537 / power({{ blocks }} - 1, 4)
    )
{%- endmacro %}

{#-
    Over responses, each with `hits` among `size` records: how many independent records would show the
    share of hits as surely. Records of one response resemble each other, so they count for less: the
    size is divided by the design effect of the ratio estimator (Kish 1965; Cochran 1977, 6.3).
-#}
{% macro effective_size(hits, size) %}
    sum({{ size }}) / if(
        count(*) < {{ var('fewest_responses_to_draw') }}
        or sum({{ hits }}) in (0, sum({{ size }})),
        1,
        greatest(
            1,
            count(*) / (count(*) - 1)
            * (
                sum({{ hits }} * {{ hits }})
                - 2 * sum({{ hits }}) / sum({{ size }}) * sum({{ hits }} * {{ size }})
                + power(sum({{ hits }}) / sum({{ size }}), 2) * sum({{ size }} * {{ size }})
            )
            / (sum({{ hits }}) * (1 - sum({{ hits }}) / sum({{ size }})))
        )
    )
{% endmacro %}

{#- Ends of the 95 % score interval of a share (Wilson, 1927), which holds at small sizes and at 0 and 1. -#}
{% macro wilson_low(share, size) %}
    {{ _wilson(share, size, '-') }}
{% endmacro %}

{% macro wilson_high(share, size) %}
    {{ _wilson(share, size, '+') }}
{% endmacro %}

{% macro _wilson(share, size, sign) -%}
    {%- set z = 1.959964 -%}
    least(1, greatest(0, (
        {{ share }} + {{ z * z / 2 }} / {{ size }}
        {{ sign }} {{ z }} * sqrt(
            ({{ share }} * (1 - {{ share }}) + {{ z * z / 4 }} / {{ size }}) / {{ size }}
        )
    ) / (1 + {{ z * z }} / {{ size }})))
{%- endmacro %}
