"""The DuckDB file, and dbt that builds it."""
