{{ rejected_records('admissions') }}
