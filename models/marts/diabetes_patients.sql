{{ config(materialized='view') }}

{{ accepted_records('diabetes_patients') }}
