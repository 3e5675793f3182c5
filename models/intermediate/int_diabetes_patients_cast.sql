{{ cast_records('diabetes_patients') }}
