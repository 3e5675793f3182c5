{{ config(materialized='view') }}

{{ rejected_records('diabetes_patients') }}
