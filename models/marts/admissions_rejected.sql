{{ config(materialized='view') }}

{{ rejected_records('admissions') }}
