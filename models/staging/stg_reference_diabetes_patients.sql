{{ config(materialized='table') }}

{{ typed_reference('diabetes_patients') }}
