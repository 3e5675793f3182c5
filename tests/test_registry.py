"""One function and one row of the registry make a score, from the warehouse to the page."""

import re
from collections.abc import Iterable

import duckdb
import pytest

from synthcare.chance import Tally
from synthcare.registry import ALL, HEADLINES, OVERALL, Headline, overall, scores_of
from synthcare.trial import Score, Trial
from tests.copies import Copy
from tests.driver import Flow, csv_row, query

# Of four accepted rows, three are of men.
WRITTEN = [*[csv_row(name=f"Al {number}") for number in range(3)], csv_row(gender="Female")]

FUNCTION = '''

def manliness(trial: Trial) -> Iterator[Score]:
    """The share of men."""
    place = [column.name for column in trial.table.columns].index("gender")
    men = Tally.of_rows(trial.table.codes[:, place] == 1, trial.table.groups)
    yield Score("manliness", (), men.share, *men.interval)


HEADLINES = (
'''
ROW = '    Headline("manliness", "men", "Manliness", "1 = men only", manliness),\n'
LAST_ROW = '    Headline("privacy",'


@pytest.fixture
def scored_before(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy of the project that had scored two like runs before it knew the score."""
    copy = Copy(tmp_path_factory.mktemp("registry") / "project")
    copy.synthcare("reference")
    (copy.folder / "rows.txt").write_text("\n".join(WRITTEN))
    for llm in ("somebody", "another"):
        copy.synthcare("import", "rows.txt", "--llm", llm)
    copy.synthcare("report")
    registry = "synthcare/registry.py"
    imported = "from synthcare.trial import"
    copy.change(registry, imported, f"from synthcare.chance import Tally\n{imported}")
    copy.change(registry, "\n\nHEADLINES = (\n", FUNCTION)
    copy.change(registry, LAST_ROW, ROW + LAST_ROW)
    return copy


def test_a_score_of_ones_own_is_everywhere(
    scored_before: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    report = scored_before.python("-m", "generators", "report")
    assert report.returncode == 0, report.stdout + report.stderr
    with duckdb.connect(scored_before.folder / "warehouse.duckdb", read_only=True) as warehouse:

        def read(query: str) -> list[tuple]:
            return warehouse.execute(query).fetchall()

        of_it = "where score_name = 'manliness'"
        scores = read(f"select value, low, high from metrics.scores {of_it}")
        cards = read("select manliness, manliness_low, manliness_high from metrics.scorecard")
        verdicts = read(f"select score, verdict from metrics.comparison {of_it}")
        headlines = read(f"select title, meaning from metrics.headlines {of_it}")
    ends = (0.75, pytest.approx(0.300642, abs=1e-6), pytest.approx(0.954413, abs=1e-6))
    assert scores == [ends, ends]
    assert cards == [ends, ends]
    assert verdicts == [(0.75, "tied")] * 2
    assert headlines == [("Manliness", "1 = men only")]
    lines = report.stdout.splitlines()
    heading = next(line for line in lines if "overall" in line).split()
    assert heading.index("men") == heading.index("priv") - 1
    assert sum("0.75" in line.split() for line in lines) == 2
    page = (scored_before.folder / "reports" / "html" / "index.html").read_text()
    leaderboard = re.search(r'<table id="leaderboard">.*?</table>', page, re.S)[0]
    assert "<button>Manliness</button> <small>1 = men only</small>" in leaderboard
    assert leaderboard.count("[0.301–0.954]") == 2


def test_every_headline_has_its_columns_and_its_words(flow: Flow) -> None:
    columns = query(
        flow.home,
        "select column_name from information_schema.columns"
        " where table_schema = 'metrics' and table_name = 'scorecard'",
    )
    ends = {f"{headline.name}{end}" for headline in ALL for end in ("", "_low", "_high")}
    assert ends <= {column for (column,) in columns}
    words = query(
        flow.home,
        "select score_name, title, meaning, is_in_overall from metrics.headlines"
        " order by score_number",
    )
    assert words == [(one.name, one.title, one.meaning, one.is_in_overall) for one in ALL]
    for word in ("name", "short", "title"):
        assert len({getattr(headline, word) for headline in ALL}) == len(ALL)


def test_overall_is_the_geometric_mean_of_its_parts() -> None:
    """And of both ends; none makes up for another."""
    parts = [Score("a", (), 0.9, 0.8, 1.0), Score("b", (), 0.4, 0.2, 0.9)]
    assert overall(parts) == Score(
        OVERALL.name, (), pytest.approx(0.6), pytest.approx(0.4), pytest.approx(0.9**0.5)
    )
    bad = overall([*parts, Score("c", (), -0.1, -0.3, 0.2)])
    assert bad.value == pytest.approx((0.9 * 0.4 * 0.1) ** (1 / 3))  # no part counts for less
    assert overall([Score("a", (), 0.25), Score("b", (), 1.0, 0.9, 1.1)]) == Score(
        OVERALL.name, (), 0.5
    )


def test_without_a_table_only_what_is_of_records_is_scored() -> None:
    trial = Trial(validity=Tally.of_rows([1, 0], [1, 2]))
    assert known(scores_of(trial)) == {"accept_rate": 0.5}


@pytest.mark.parametrize("last, is_told", [(0.5, True), (None, False)])
def test_overall_is_told_where_all_of_its_parts_are(last: float | None, is_told: bool) -> None:
    """A score of a column, or one that stands beside them, is no part."""
    parts = [headline for headline in HEADLINES if headline.is_in_overall]

    def finding(name: str, value: float | None) -> Headline:
        said = [Score(name, ("x",), 0.1), Score(name, (), value), Score("beside", (), 0.2)]
        return Headline(name, name, name, name, lambda trial: iter(said), of_records=True)

    found = [finding(part.name, 0.5) for part in parts[:-1]] + [finding(parts[-1].name, last)]
    told = known(scores_of(Trial(), found)).get(OVERALL.name)
    assert told == (pytest.approx(0.5) if is_told else None)
    assert OVERALL.name not in known(scores_of(Trial(), found[:-1]))


def known(scores: Iterable[Score]) -> dict[str, float]:
    """Those of the table as a whole that have a value."""
    return {s.name: s.value for s in scores if not s.subject and s.value is not None}
