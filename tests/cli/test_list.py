"""`benchkit list`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchkit import DISTRIBUTION
from benchkit.cli.list import list_
from benchkit.components.registry import load
from tests.strangers import RECOMMENDER, entry_points_in, install

LONG = RECOMMENDER.format(name="a-recommender-with-a-long-name").replace(
    "Recommends nothing.", "Recommends " + "nothing of any use to anybody " * 5 + "\\x1b[31m."
)
NEEDS_A_KEY = RECOMMENDER.format(name="paid").replace(
    "def fit(",
    "@classmethod\n    def unavailable(cls):\n        return 'set API_KEY'\n\n    def fit(",
)
CANNOT_SAY = NEEDS_A_KEY.replace("return 'set API_KEY'", "return 1 / 0").replace("paid", "odd")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to install strangers into; `run` lists nothing else."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("benchkit.cli.list.registry", lambda: load(entry_points_in(tmp_path)))
    return tmp_path


def run(*args: str, width: int = 80) -> Result:
    return CliRunner().invoke(list_, args, env={"COLUMNS": str(width)}, catch_exceptions=False)


def test_each_component_gets_name_meaning_source_and_origin(folder: Path) -> None:
    install(folder, "stranger", RECOMMENDER.format(name="alpha"), version="3.1")
    (line,) = [line for line in run().stdout.splitlines() if line.startswith("alpha")]
    assert line.split() == ["alpha", "Recommends", "nothing.", "ours", "stranger", "3.1"]


def test_what_comes_with_benchkit_names_no_origin(folder: Path) -> None:
    install(folder, DISTRIBUTION, RECOMMENDER.format(name="alpha"), version="3.1")
    (line,) = [line for line in run().stdout.splitlines() if line.startswith("alpha")]
    assert line.split() == ["alpha", "Recommends", "nothing.", "ours"]


def test_json_has_the_same_facts(folder: Path) -> None:
    install(folder, "stranger", RECOMMENDER.format(name="alpha"), version="3.1")
    assert json.loads(run("recommenders", "--format", "json").stdout) == [
        {
            "name": "alpha",
            "kind": "recommender",
            "headline": "Recommends nothing.",
            "source": "ours",
            "distribution": "stranger",
            "version": "3.1",
            "unavailable": None,
        }
    ]


def test_a_kind_can_be_chosen(folder: Path) -> None:
    install(folder, "stranger", RECOMMENDER.format(name="alpha"))
    assert "alpha" not in run("metrics").stdout
    assert "alpha" in run("recommenders").stdout
    assert "Metrics" not in run("recommenders").stdout


def test_an_unknown_kind_is_refused(folder: Path) -> None:
    result = run("recommender")
    assert result.exit_code == 2
    assert "recommenders" in result.stderr


@pytest.mark.parametrize("width", [60, 80, 200])
def test_lines_fit_the_terminal_and_nothing_is_lost(folder: Path, width: int) -> None:
    install(folder, "stranger-with-a-long-distribution-name", LONG, version="2026.10.1.post3")
    lines = run(width=width).stdout.splitlines()
    assert max(map(len, lines)) <= width
    text = "".join(lines).replace(" ", "")
    assert text.count("anybody") == 5
    assert "…" not in text
    assert "\x1b" not in text


def test_what_cannot_run_here_says_why(folder: Path) -> None:
    install(folder, "one", NEEDS_A_KEY)
    install(folder, "two", CANNOT_SAY)
    output = " ".join(run().stdout.split())
    assert "Cannot run here: set API_KEY" in output
    assert "ZeroDivisionError" in output


def test_problems_are_warnings_on_standard_error(folder: Path) -> None:
    install(folder, "careless", "import nowhere_to_be_found", entry="oops")
    install(folder, "zealous", RECOMMENDER.format(name="alpha"))
    result = run("--format", "json")
    assert result.exit_code == 0
    assert [row["name"] for row in json.loads(result.stdout)] == ["alpha"]
    assert result.stderr.startswith("Warning: plugin 'oops' of careless 1.0 is left out: ")


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from benchkit.cli import cli; cli.main(['list'], standalone_mode=False);"
        "print({'torch', 'sklearn', 'openai', 'optuna', 'polars'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert "Recommenders" in done.stdout
