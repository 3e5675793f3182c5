{{ coded_rows('admissions') }}
