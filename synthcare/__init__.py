"""Scores of a synthetic table against a real one: pure functions of arrays.

Nothing here knows of dbt, of an LLM or of a file. docs/metrics.md says what each score means.
"""
