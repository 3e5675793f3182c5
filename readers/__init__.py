"""Reads what LLMs and people write: answers, files of answers, and tables of one's own."""
