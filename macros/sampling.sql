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

{#- Raises an error where the variable `rows_counted` leaves too few rows for a sample to be among them. -#}
{% macro check_rows_counted() %}
    {%- set counted, sampled = var('rows_counted'), var('rows_in_samples') -%}
    {%- if counted is not integer or sampled is not integer or sampled < 1 or counted < 4 * sampled -%}
        {%- do exceptions.raise_compiler_error(
            'rows_counted is ' ~ counted ~ ' and rows_in_samples ' ~ sampled ~ ': they are whole numbers, and '
            ~ 'rows_counted is four times rows_in_samples at least, so that the sample is among what is counted.'
        ) -%}
    {%- endif -%}
{% endmacro %}
