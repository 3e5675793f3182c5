{{ config(materialized='table') }}

{{ typed_reference('admissions') }}
