{{ coded_rows('encounters') }}
