{{ config(materialized='view') }}

{{ accepted_records('encounters') }}
