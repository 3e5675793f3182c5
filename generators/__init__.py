"""Asks LLMs for rows that follow a contract, and lands what they say, word for word."""
