-- depends_on: {{ ref('stg_reference_diabetes_patients') }}
{{ config(materialized='table') }}

{{ typed_reference('diabetes_stays') }}
