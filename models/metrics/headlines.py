"""The headline scores that the library synthcare knows."""

import pandas as pd

from synthcare.registry import ALL


def model(dbt, session) -> pd.DataFrame:
    """One row per score, in the order in which they are shown."""
    return pd.DataFrame(
        [
            {
                "score_number": number,
                "score_name": headline.name,
                "title": headline.title,
                "meaning": headline.meaning,
                "is_in_overall": headline.is_in_overall,
            }
            for number, headline in enumerate(ALL, 1)
        ]
    )
