{{ config(materialized='view') }}

{{ rejected_records('encounters') }}
