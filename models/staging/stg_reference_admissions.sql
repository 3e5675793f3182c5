{{ typed_reference('admissions') }}
