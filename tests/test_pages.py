"""The pages in a real browser: Chromium of the system, headless, driven by Playwright."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from reports.index import write_index
from reports.scores import Row
from synthcare.contracts.contract import load_contract
from tests.driver import HOSTILE, Flow, query
from tests.test_leaderboard import run as made_run
from tests.test_leaderboard import scores_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# What a browser asks for by itself would hide what the page asks for.
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no Chromium: apt-get install chromium"
)


@dataclass
class Visit:
    """An open page, and what happened on it that should not."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *QUIET]
        )
        yield chromium
        chromium.close()


def open_page(browser: Browser, path: Path, *, width: int = 1440, scheme: str = "light") -> Visit:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    visit = Visit(page)
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("console", lambda message: visit.complaints.append(message.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (visit.complaints.append("dialog"), dialog.dismiss()))
    page.goto(path.as_uri())
    return visit


@pytest.fixture
def index(browser: Browser, flow: Flow) -> Iterator[Visit]:
    visit = open_page(browser, flow.home.html / "index.html")
    yield visit
    visit.page.close()


def test_the_index_asks_for_nothing_and_complains_of_nothing(index: Visit, flow: Flow) -> None:
    for option in index.page.locator("#run option").all():
        index.page.select_option("#run", option.get_attribute("value"))
    for option in index.page.locator("#column option").all():
        index.page.select_option("#column", option.get_attribute("value"))
    for button in index.page.locator("#leaderboard th button").all():
        button.click()
    assert index.requests == [(flow.home.html / "index.html").as_uri()]
    assert index.complaints == []


def test_no_text_of_an_llm_becomes_part_of_the_index(index: Visit, flow: Flow) -> None:
    """Names, doctors and hospitals of a run are script tags, event handlers and entities."""
    index.page.select_option("#run", flow.hostile_run)
    assert index.page.locator("script").count() == 2
    assert index.page.locator("img, iframe, object, [onerror], [onclick]").count() == 0
    text = index.page.locator("body").inner_text()
    assert "<script>alert(1)</script>" in text
    assert "<img src=x onerror=alert(2)>" in text
    assert "&lt;b&gt; &amp; \"'" in text


def test_a_script_that_is_not_ours_would_not_run(index: Visit) -> None:
    """Should escaping ever fail, the page's own policy holds."""
    index.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')"
    )
    index.page.wait_for_timeout(200)
    assert index.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in complaint for complaint in index.complaints)


def test_the_leaderboard_shows_what_the_warehouse_holds(index: Visit, flow: Flow) -> None:
    scores = ("overall", "accept_rate", "column_fidelity", "pair_fidelity", "structure")
    scores += ("detection", "diversity", "plausibility", "utility", "privacy")
    for run in flow.summary["scorecard"]:
        row = index.page.locator(f'tr[data-run="{run["run_id"]}"]')
        text = row.inner_text()
        assert f"{run['rows_accepted']:,}" in text
        if run["not_scored_because"]:
            assert run["not_scored_because"] in text
            assert row.locator("a").count() == 0
            continue
        for score in scores:
            if run[score] is not None:
                low, high = run[f"{score}_low"], run[f"{score}_high"]
                assert f"{run[score]:.3f}" in text
                assert low is None or f"[{low:.3f}–{high:.3f}]" in text
        assert row.locator("a").get_attribute("href") == f"{run['run_id']}.html"
        assert row.locator(".mark.leaks").count() == (2 if run["leaks"] else 0)
        assert f"worst: {run['worst_column'].replace('_', ' ')}" in text
        is_real = run["provider"] == "holdout"
        assert ("real rows" in row.locator("th").inner_text()) is is_real
    assert not re.search(r"\b(nan|None|null|undefined)\b", index.page.locator("body").inner_text())


def numbers_of(index: Visit, heading: str) -> list[float | None]:
    """The values of a column of the leaderboard, from top to bottom."""
    place = index.page.locator("#leaderboard th button").all_inner_texts().index(heading)
    return index.page.evaluate(
        """place => [...document.querySelectorAll("#leaderboard tbody tr")].map(row => {
            const value = row.cells[place].dataset.value;
            return value ? Number(value) : null;
        })""",
        place,
    )


@pytest.mark.parametrize("heading", ["Rows", "Overall"])
def test_a_click_sorts(index: Visit, heading: str) -> None:
    """Largest first, and smallest first at the second click; what is not known stays last."""
    button = index.page.locator("#leaderboard th button", has_text=re.compile(f"^{heading}$"))
    for is_descending in (True, False):
        button.click()
        found = numbers_of(index, heading)
        known = [value for value in found if value is not None]
        assert len(known) >= 3
        assert found == sorted(known, reverse=is_descending) + [None] * (len(found) - len(known))
        order = "descending" if is_descending else "ascending"
        assert index.page.locator(f'th[aria-sort="{order}"] button').inner_text() == heading


def test_the_chosen_distribution_is_the_warehouse_s(index: Visit, flow: Flow) -> None:
    ((run_id,),) = query(flow.home, "select run_id from metrics.scorecard where llm = 'smollm2'")
    for column in ("gender", "age", "date_of_admission"):
        index.page.select_option("#run", run_id)
        index.page.select_option("#column", column)
        shares = query(
            flow.home,
            "select reference_share, share from metrics.distributions"
            " where run_id = $run and column_name = $column order by bar_number",
            run=run_id,
            column=column,
        )
        assert index.page.locator("#charts > div").count() == 1
        titles = [bar.get_attribute("title") for bar in index.page.locator("#charts [title]").all()]
        told = [tuple(map(float, re.findall(r"([\d.]+) %", title))) for title in titles]
        # The page holds four digits of a share.
        assert told == [pytest.approx((100 * real, 100 * own), abs=0.1) for real, own in shares]
        for side in (0, 1):
            assert sum(share[side] for share in shares) == pytest.approx(1)
    index.page.select_option("#column", "")
    assert index.page.locator("#charts > div").count() == 13


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_index_fits(browser: Browser, flow: Flow, width: int, scheme: str) -> None:
    """Only tables scroll sideways, and text stands out from what is behind it."""
    style = "getComputedStyle(document.body)"
    visit = open_page(browser, flow.home.html / "index.html", width=width, scheme=scheme)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = (
        sum(map(int, re.findall(r"\d+", visit.page.evaluate(f"{style}.{of}"))))
        for of in ("color", "backgroundColor")
    )
    assert (paper - ink > 500) if scheme == "light" else (ink - paper > 500)
    visit.page.close()


def test_the_index_stays_small(flow: Flow) -> None:
    """Twenty runs take less than 10 MB."""
    page = (flow.home.html / "index.html").stat().st_size
    assert page / len(flow.summary["scorecard"]) * 20 < 10e6


def test_a_drift_report_asks_for_nothing(browser: Browser, flow: Flow) -> None:
    path = flow.home.html / f"{flow.hostile_run}.html"
    visit = open_page(browser, path)
    visit.page.get_by_text("Share of Drifted Columns").first.wait_for()
    assert [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert visit.complaints == []
    visit.page.close()


def tie(run_id: str, score: str, value: float | None, **others: object) -> Row:
    row = {"run_id": run_id, "child": "diabetes_stays", "parent": "diabetes_patients"}
    row |= {"score_name": score, "value": value, "note": None}
    return row | {"value_low": value and value - 0.1, "value_high": value and value + 0.1} | others


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages of patients and of their stays, in which a run leads another one."""
    folder = tmp_path_factory.mktemp("pages")
    scores = scores_of(
        made_run("a", 0.9, llm=HOSTILE),
        made_run("b", 0.5),
        relations=[
            tie("a", "key_integrity", 1.0),
            tie("a", "siblings", 0.42),
            tie("a", "child_order", None, note=f"too few {HOSTILE}"),
            tie("b", "siblings", 0.07),
        ],
    )
    for dataset in ("diabetes_stays", "diabetes_patients", "encounters"):
        path = folder / f"{dataset}.html"
        write_index(load_contract(dataset), scores, path, drift_reports={})
    return folder


def test_the_page_of_a_child_shows_how_it_belongs_to_its_parent(
    browser: Browser, families: Path
) -> None:
    visit = open_page(browser, families / "diabetes_stays.html")
    section = visit.page.locator("#relations")
    names = ["Siblings 0.42", "diabetes_patients", "diabetes_stays"]
    drawn = [text.split("\n")[0] for text in section.locator("svg text").all_text_contents()]
    assert [*map(str.strip, drawn)] == [names[0], names[1] * 2, names[2] * 2]
    rows = section.locator("tbody tr").all_inner_texts()
    assert "1.00 [0.90–1.10]" in re.sub(r"\s+", " ", rows[0])
    assert "0.42 [0.32–0.52]" in re.sub(r"\s+", " ", rows[0])
    assert f"too few {HOSTILE}" in re.sub(r"\s+", " ", rows[0])
    assert "0.07 [-0.03–0.17]" in re.sub(r"\s+", " ", rows[1])
    assert visit.page.locator("script").count() == 2
    assert visit.complaints == []
    visit.page.close()


def test_pages_of_tables_that_belong_together_link_to_each_other(
    browser: Browser, families: Path
) -> None:
    visit = open_page(browser, families / "diabetes_stays.html")
    visit.page.get_by_role("link", name="diabetes_patients").click()
    assert visit.page.url.endswith("/diabetes_patients.html")
    assert visit.page.locator("#relations").count() == 0
    visit.page.get_by_role("link", name="diabetes_stays").click()
    assert visit.page.url.endswith("/diabetes_stays.html")
    visit.page.goto((families / "encounters.html").as_uri())
    assert visit.page.locator("header a, #relations").count() == 0
    visit.page.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_the_diagram_fits(browser: Browser, families: Path, width: int) -> None:
    """Each text is inside of a box, or between two."""
    visit = open_page(browser, families / "diabetes_stays.html", width=width)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    texts, boxes = visit.page.evaluate(
        """["text", "rect"].map(tag => [...document.querySelectorAll("#relations svg " + tag)].map(
            shown => { const box = shown.getBBox(); return [box.x, box.x + box.width]; }
        ))"""
    )
    assert (len(texts), len(boxes)) == (3, 2)
    for left, right in texts:
        for start, end in boxes:
            assert start < left < right < end or right < start or end < left
    visit.page.close()
