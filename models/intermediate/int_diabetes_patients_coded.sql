{{ coded_rows('diabetes_patients') }}
