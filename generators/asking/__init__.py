"""Asks LLMs for rows: what runs there are, how many requests at once, and when to ask again."""
