"""What LLMs said and people brought, word for word: journals on disk, and the schema raw."""
