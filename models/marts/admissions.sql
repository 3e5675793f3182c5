{{ config(materialized='view') }}

{{ accepted_records('admissions') }}
