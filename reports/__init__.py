"""Shows what dbt has scored: in the terminal, on one HTML page, and with Evidently, run by run."""
