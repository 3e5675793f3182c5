{{ cast_records('encounters') }}
