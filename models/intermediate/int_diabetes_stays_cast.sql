-- depends_on: {{ ref('int_diabetes_patients_cast') }}
{{ cast_records('diabetes_stays') }}
