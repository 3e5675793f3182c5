"""Answers in which no record was found, in words for terminal and page."""

from collections.abc import Iterable, Iterator, Sequence

from generators.home import Home
from generators.warehouse.database import open_warehouse
from reports.formats import name
from reports.scores import Row

_KINDS = {
    "refused": "refused",
    "filtered": "filtered",
    "only_reasoned": "only reasoned",
    "failed": "failed",
    "only_prose": "prose",
    "empty": "empty",
}
_BEGINNING = 80  # characters that the warehouse keeps of one


def read_unread_answers(home: Home, dataset: str, run_ids: Sequence[str]) -> list[Row]:
    """Rows of metrics.unread_answers of these runs, in the order given."""
    with open_warehouse(home) as warehouse:
        result = warehouse.execute(
            """
            select * from metrics.unread_answers
            where dataset = $dataset and list_contains($run_ids, run_id)
            order by list_position($run_ids, run_id)
            """,
            {"dataset": dataset, "run_ids": list(run_ids)},
        )
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def unread_lines(runs: Iterable[Row]) -> Iterator[str]:
    """A line for each run with such answers, which a terminal may print, but not as markup."""
    for run in runs:
        if words := unread_words(run):
            yield f"{visible(name(run))}: {words}"


def unread_words(run: Row) -> str:
    """`12 of 20 answers held no record: 3 refused, 9 prose, most often "I'm sorry"`, or nothing."""
    if not run["answers_without_record"]:
        return ""
    kinds = [f"{run[kind]:,} {word}" for kind, word in _KINDS.items() if run[kind]]
    if beginning := run["most_common_beginning"]:
        how_often = "most often" if run["answers_beginning_so"] > 1 else "such as"
        kinds.append(f'{how_often} "{_shown(beginning)}"')
    answers = "answer" if run["answers"] == 1 else "answers"
    counted = f"{run['answers_without_record']:,} of {run['answers']:,} {answers}"
    return f"{counted} held no record: {', '.join(kinds)}"


def visible(text: str) -> str:
    r"""On one line, with `\x1b` for what a terminal obeys and a person cannot see."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in " ".join(text.split())
    )


def _shown(beginning: str) -> str:
    return visible(beginning) + ("…" if len(beginning) >= _BEGINNING else "")
