{{ accepted_records('admissions') }}
