"""Rows that no LLM writes: drawn from the population that a contract describes."""
