"""What stands in the pages, without opening them; and what a user can do wrong."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from benchkit.api.site import repeat, write_site
from benchkit.cli.leaderboard import leaderboard
from benchkit.contracts.errors import BenchkitError, UnavailableError
from benchkit.leaderboards import inference
from benchkit.leaderboards.files import collect, ranks_file, tables_of
from benchkit.leaderboards.ranks import read
from benchkit.report import page, pictures
from benchkit.report.page import embedded
from benchkit.report.pairs import pairs
from benchkit.report.site import file_names
from benchkit.report.tables import Shown, show
from tests.leaderboards.samples import failure, full, keep, record
from tests.report.samples import DATASET, HIDDEN, SCRIPT, board

EXTRAS = ("altair", "jinja2", "vl_convert")


@pytest.fixture(autouse=True)
def _short_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave Vega out, which takes seconds."""
    monkeypatch.setattr(pictures, "bundle", lambda: "/</script>/; '<!--';")


@pytest.fixture
def extras() -> None:
    for extra in EXTRAS:
        pytest.importorskip(extra, reason="needs the extra report")


def shown(out: Path, dataset: str = DATASET) -> Shown:
    """Return the first table of a dataset."""
    table = tables_of(collect(out, dataset), out, dataset)[0]
    return show(table, "a table", read(ranks_file(out, dataset)))


class _Elements(HTMLParser):
    """The names of all elements, and what attributes they have."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= dict(attrs)


@pytest.mark.usefixtures("extras")
def test_a_page_holds_no_element_or_address_of_a_record(tmp_path: Path) -> None:
    board(tmp_path)
    site = write_site(tmp_path / "site", out=tmp_path)
    content = site.pages[0].read_text("utf-8")
    elements = _Elements(content)
    assert elements.names.count("script") == 3
    assert not {"img", "iframe", "object"} & set(elements.names)
    assert not {"onerror", "onload", "style", "src"} & elements.attributes.keys()
    assert "\x1b" not in content
    assert "\u202e" not in content
    # Hashes name what runs, and nothing else may.
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', content)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe" not in policy[1]
    assert policy[1].count("sha256-") == 3
    assert len(write_site(tmp_path / "again", out=tmp_path).pages) == 1
    assert (tmp_path / "again" / site.pages[0].name).read_text("utf-8") == content


@pytest.mark.parametrize("text", [SCRIPT, "<!--", "\u2028", "&amp;", "'\"", HIDDEN, "\ud800"])
def test_embedded_data_end_no_element(text: str) -> None:
    content = embedded({text: [text]})
    assert not set("<>&\u2028\n") & set(content)
    assert json.loads(content) == {text: [text]}


def test_each_dataset_has_a_file_of_its_own() -> None:
    names = file_names(["index", "a/b", "a_b", "A_B", "..", "beauty"])
    assert names == [
        "index-2.html",
        "a_b.html",
        "a_b-2.html",
        "A_B-3.html",
        "__.html",
        "beauty.html",
    ]


def test_pairs_say_what_the_test_says_and_mirror(tmp_path: Path) -> None:
    board(tmp_path, seeds=2)
    table = shown(tmp_path)
    labels = [row.label for row in table.rows]
    content = pairs(table.significance, labels)
    assert content["sessions"] == 400
    for key, test in table.significance.tests.items():
        metric = content["metrics"][key]
        assert metric["rows"] == [0, 1, 2, 3]
        best = labels.index(test.best)
        places = [(late, early) for late in range(4) for early in range(late)]
        for place, (late, early) in enumerate(places):
            one, other = (test.samples[labels[row]] for row in (late, early))
            difference = one.by_session - other.by_session
            assert metric["won"][place] == (difference > 0).sum()
            assert metric["lost"][place] == (difference < 0).sum()
            if best in (late, early):
                rest = labels[late if best == early else early]
                assert metric["p"][place] == pytest.approx(test.p[rest], rel=1e-3)
            mean = difference.mean()
            assert metric["low"][place] < mean < metric["high"][place]


def test_intervals_of_differences_are_antisymmetric() -> None:
    rng = np.random.default_rng(0)
    samples = [inference.Sample.of({0: rng.random(200) + shift}) for shift in (0, 0.1, 1)]
    ends = inference.intervals_of_differences(samples)
    assert ends[..., 0] == pytest.approx(-ends[..., 1].T)
    assert ends[2, 0, 0] > 0.8
    assert (ends[range(3), range(3)] == 0).all()


def test_a_row_is_repeated_by_its_own_experiment(tmp_path: Path) -> None:
    board(tmp_path, seeds=2)
    rows = {row.recommender: row for row in shown(tmp_path).rows}
    again = repeat(rows[HIDDEN])
    assert again.experiment.startswith("dataset = ")
    assert "seeds = [0, 1]" in again.experiment
    assert '"other"' not in again.experiment
    assert repeat(rows["worse"]).command == "benchkit run worse.toml"
    # What an earlier version has kept says less.
    keep(tmp_path, [record("sknn", overrides={"k": 200}, dataset="plain")])
    old = repeat(shown(tmp_path, "plain").rows[0])
    assert "-r sknn --dataset plain --protocol paper" in old.command
    assert old.command.endswith("--set sknn.k=200")
    assert "earlier version" in old.note


def invoke(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(leaderboard, [*arguments, "--out", str(out)])


@pytest.mark.usefixtures("extras")
def test_the_command_writes_every_dataset(tmp_path: Path) -> None:
    keep(
        tmp_path,
        [record("a", full(1.0)), failure("c", "no key"), record("a", 0.1, dataset="plain")],
    )
    result = invoke(tmp_path, "--format", "html", "--to", str(tmp_path / "site"))
    assert result.exit_code == 0, result.exception
    assert sorted(path.name for path in (tmp_path / "site").iterdir()) == [
        *("beauty.html", "index.html", "plain.html"),
    ]
    content = (tmp_path / "site" / "beauty.html").read_text("utf-8")
    assert "no key" in content
    assert "No row of this table was found by a search." in content
    assert "No profile:" in content
    # One row, without ranks: nothing is compared, and nothing called equal.
    assert "cannot be told from it" not in content


@pytest.mark.usefixtures("extras")
@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 cut"])
def test_cut_ranks_are_said_and_nothing_is_tested(tmp_path: Path, content: bytes) -> None:
    board(tmp_path)
    ranks_file(tmp_path, DATASET).write_bytes(content)
    site = write_site(tmp_path / "site", out=tmp_path)
    assert "cannot use the ranks" in site.warnings[0]
    text = site.pages[0].read_text("utf-8")
    assert '"metrics":{}' in text
    assert "no ranks were kept" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "html"), "name their folder by --to DIR"),
        (("--to", "site"), "it goes with --format html"),
        (("--format", "html", "--to", "site", "--sort", "hr@10"), "leave out --sort"),
        (("nothing", "--format", "html", "--to", "site"), "no results for dataset 'nothing'"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    keep(tmp_path, [record()])
    error = invoke(tmp_path, *arguments).exception
    assert isinstance(error, BenchkitError)
    assert message in str(error)


@pytest.mark.usefixtures("extras")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    keep(tmp_path, [record()])
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchkitError, match="not a folder"):
        write_site(tmp_path / "file" / "site", out=tmp_path)


def test_no_results_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BenchkitError, match="there are no results"):
        write_site(tmp_path / "site", out=tmp_path)


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, [record()])
    monkeypatch.setitem(sys.modules, "jinja2", None)
    page.environment.cache_clear()
    with pytest.raises(UnavailableError, match=r"\[report\]"):
        write_site(tmp_path / "site", out=tmp_path)
    assert not (tmp_path / "site").exists()
