{#- SQL of a number of what a record of `runs` is drawn with: its response, or itself. -#}
{% macro unit_of(records) -%}
    md5_number_lower(concat_ws('|', {{ var('seed') }}, if(
        runs.is_drawn_by_response, {{ records }}.response_id, {{ records }}.record_id
    )))
{%- endmacro %}

{#- SQL of whether a hash is among so large a share of all hashes: what is in a small one is in a larger. -#}
{% macro is_within(hash, share) -%}
    {{ hash }} / 18446744073709551616 <= {{ share }}
{%- endmacro %}

{#- SQL of whether a record of `runs` is one of those that are counted where not all are. -#}
{% macro is_drawn(records) -%}
    {{ is_within(unit_of(records), 'runs.share_of_units') }}
    and {{ is_within(
        "md5_number_lower(concat_ws('|', " ~ var('seed') ~ ', ' ~ records ~ '.record_id))',
        'runs.share_of_rows',
    ) }}
{%- endmacro %}
