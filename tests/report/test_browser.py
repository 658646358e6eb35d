"""The page in a real Chromium: it sorts, filters, compares and draws, and asks no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchkit.api.site import write_site
from tests.report.browser import CHROMIUM, Browser, chromium
from tests.report.samples import DATASET, SESSIONS, board, with_evidence

ROWS = "[...document.querySelectorAll('[data-results] tbody tr')]"
LABELS = f"{ROWS}.filter((row) => !row.hidden).map((row) => row.cells[0].innerText.trim())"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for extra in ("altair", "jinja2", "vl_convert"):
        pytest.importorskip(extra, reason="needs the extra report")
    if not CHROMIUM:
        pytest.skip("there is no Chromium here; Debian's is `apt-get install chromium`")
    out, folder = tmp_path_factory.mktemp("boards"), tmp_path_factory.mktemp("site")
    board(out)
    with pytest.MonkeyPatch.context() as patch:
        with_evidence(patch)
        return write_site(folder, [DATASET], out=out).pages[0]


@pytest.fixture(scope="module")
def browser(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        started.open(site)
        yield started


@pytest.fixture(autouse=True)
def _without_complaints(browser: Browser) -> Iterator[None]:
    yield
    assert not browser.complaints
    assert all(address.startswith("file:") for address in browser.requests)


def headings(browser: Browser) -> dict[str, str]:
    """Return how the page says that each column is sorted."""
    pairs = """[...document.querySelectorAll("[data-sort]")].map((button) =>
        [button.dataset.sort, button.parentNode.ariaSort])"""
    sorts: dict[str, str] = browser.run(f"Object.fromEntries({pairs})")
    return sorts


def texts(browser: Browser, selector: str) -> list[str]:
    """Return what can be read in some elements."""
    every = f"[...document.querySelectorAll({selector!r})]"
    found: list[str] = browser.run(f"{every}.map((one) => one.innerText.trim())")
    return found


def enter(browser: Browser, selector: str, value: str) -> None:
    """Type into a field, or choose of a list."""
    browser.run(f"""(() => {{
        const field = document.querySelector({selector!r});
        field.value = {value!r};
        for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind));
    }})()""")


def click(browser: Browser, selector: str) -> None:
    browser.run(f"document.querySelector({selector!r}).click()")


def test_hostile_names_are_text(browser: Browser) -> None:
    title = browser.run("document.title")
    assert title == f"{DATASET}: leaderboard"
    assert browser.run("document.querySelectorAll('img, b b, iframe').length") == 0
    labels = browser.run(LABELS)
    assert any("</script><script>" in label for label in labels)
    assert any("a\\u202eb\\x1b[31m\\n`${1}` {{ 7 * 7 }}" in label for label in labels)


def test_everything_is_drawn(browser: Browser) -> None:
    drawn = browser.run("document.querySelectorAll('.picture svg').length")
    assert drawn == 4  # front, hit rates, popularity, lengths; the search on demand
    browser.run("document.querySelector('[data-search]').closest('details').open = true")
    browser.wait("document.querySelector('[data-search]:not([data-waiting]) svg')")
    assert browser.run("document.querySelectorAll('[data-search] .mark-symbol path').length") == 2
    assert "worse" in texts(browser, "[data-front]")[0], "the fastest is on the front"


def test_rows_sort_by_any_column_and_back(browser: Browser) -> None:
    assert headings(browser)["ndcg@20"] == "descending"
    click(browser, "[data-sort='hr@20']")
    best_first = browser.run(LABELS)
    assert best_first[-1] == "worse"
    assert headings(browser) == {
        key: "descending" if key == "hr@20" else "none" for key in headings(browser)
    }
    click(browser, "[data-sort='hr@20']")
    assert browser.run(LABELS) == best_first[::-1]
    click(browser, "[data-sort='fit-seconds']")
    assert headings(browser)["fit-seconds"] == "ascending"
    assert browser.run(LABELS)[0] == "worse"


def test_a_filter_hides_rows_and_counts(browser: Browser) -> None:
    enter(browser, "[data-filter]", "WORSE")
    assert browser.run(LABELS) == ["worse"]
    assert texts(browser, "[data-count]") == ["1 of 4 rows"]
    enter(browser, "[data-filter]", "")
    assert len(browser.run(LABELS)) == 4


def test_columns_are_chosen_by_metric_and_cutoff(browser: Browser) -> None:
    shown = """[...document.querySelectorAll("[data-results] thead [data-column]")]
        .filter((cell) => !cell.hidden).map((cell) => cell.dataset.column)"""
    boxes = ("[data-cutoff='10']", "[data-metric='hr']", "[data-fact='memory']")
    assert set(browser.run(shown)) == {"ndcg@20", "hr@20", "mrr@20", "coverage@20"}
    for box in boxes:
        click(browser, box)
    chosen = {f"{name}@{k}" for name in ("ndcg", "mrr", "coverage") for k in (10, 20)}
    assert set(browser.run(shown)) == {*chosen, "memory"}
    for box in boxes:
        click(browser, box)


def test_two_rows_are_compared_on_a_click(browser: Browser) -> None:
    labels = texts(browser, "[data-pick='0'] option")[1:]  # in the order of rows
    best = next(row for row, label in enumerate(labels) if "script" in label)
    click(browser, f"tr[data-row='{best}'] td:not([hidden])")
    click(browser, f"[data-compare='{labels.index('worse')}']")
    assert "the first is better in" in texts(browser, "[data-outcome]")[0]
    cells = "[data-compared='hr@20'] > *"
    name, difference, p, sessions = texts(browser, cells)
    assert (name, difference[:2], p) == ("HR@20", "+.", "<.001")
    won, tied, lost = map(int, sessions.split(" : "))
    assert won + tied + lost == SESSIONS
    assert won > lost
    # The other way round all changes sign; two rows change places in three steps.
    enter(browser, "[data-pick='1']", "")
    enter(browser, "[data-pick='0']", str(labels.index("worse")))
    click(browser, f"[data-compare='{best}']")
    name, mirrored, p, sessions = texts(browser, cells)
    assert mirrored[:2] == "−."
    assert sessions == f"{lost} : {tied} : {won}"
    # A metric that takes more than ranks is not tested, and says so.
    assert texts(browser, "[data-compared='coverage@20'] > *")[2:] == ["—", "—"]


def test_the_keyboard_reaches_and_uses_what_the_mouse_does(browser: Browser) -> None:
    browser.run("document.querySelector('[data-sort=\"mrr@20\"]').focus()")
    browser.press("Enter")
    assert headings(browser)["mrr@20"] == "descending"
    browser.press("Tab")
    assert browser.run("document.activeElement.dataset.sort") == "coverage@20"
    outline = browser.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize("width", [400, 1600])
def test_nothing_but_tables_scrolls_sideways(browser: Browser, width: int) -> None:
    browser.resize(width)
    beyond = browser.run("""[...document.querySelectorAll("main *")]
        .filter((one) => one.getBoundingClientRect().right > window.innerWidth)
        .filter((one) => !one.closest(".scroll, .picture, pre"))
        .map((one) => one.outerHTML.slice(0, 200))""")
    wide = browser.run("document.documentElement.scrollWidth")
    browser.resize(1600)
    assert not beyond
    assert wide <= width


def test_it_is_dark_in_the_dark_and_plain_on_paper(browser: Browser) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = browser.run(ground)
    browser.media(scheme="dark")
    dark = browser.run(ground)
    browser.media("print", scheme="dark")
    paper, controls = (
        browser.run(ground),
        browser.run("getComputedStyle(document.querySelector('.controls')).display"),
    )
    browser.media()
    assert (light, dark, paper) == ("rgb(255, 255, 255)", "rgb(22, 24, 28)", "rgb(255, 255, 255)")
    assert controls == "none"


def test_the_page_reads_without_its_script(site: Path, browser: Browser) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.load(site)
        assert len(browser.run(LABELS)) == 4
        controls = "getComputedStyle(document.querySelector('.controls')).display"
        assert browser.run(controls) == "none"
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_what_the_policy_forbids_is_noticed(browser: Browser) -> None:
    browser.run("fetch('https://example.org').catch(() => null)")
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)
    browser.complaints.clear()
    browser.requests.clear()
