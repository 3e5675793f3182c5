"""The contract of a dataset: read, proposed for a table that somebody brings, written down."""
