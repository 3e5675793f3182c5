{{ config(
    materialized='incremental',
    on_schema_change='sync_all_columns',
    pre_hook=['{{ forget_rows_of_other_logic() }}', '{{ forget_rows_parsed_anew() }}'],
) }}

{{ cast_records('diabetes_patients') }}
