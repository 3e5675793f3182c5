"""The command line: what a user asks for, and what a terminal shows."""
