{{ coded_rows('diabetes_stays') }}
