{{ config(materialized='table') }}

{{ typed_reference('encounters') }}
