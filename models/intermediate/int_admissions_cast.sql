{{ cast_records('admissions') }}
