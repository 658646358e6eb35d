"""`benchkit leaderboard` as it is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchkit.api import leaderboard as table_of
from benchkit.cli.leaderboard import FORMATS, leaderboard
from benchkit.contracts.errors import BenchkitError
from benchkit.contracts.protocol import Protocol, ProtocolName
from tests.leaderboards.samples import failure, full, keep, record


def invoke(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        leaderboard, [*arguments, "--out", str(out)], env={"COLUMNS": "80"}, catch_exceptions=True
    )


def error(out: Path, *arguments: str) -> str:
    result = invoke(out, *arguments)
    assert isinstance(result.exception, BenchkitError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    keep(tmp_path, [record("a", full(1.0)), record("b", full(2.0)), failure("c", "no key")])
    return tmp_path


@pytest.mark.parametrize("style", FORMATS)
def test_every_format_shows_the_rows(out: Path, style: str) -> None:
    result = invoke(out, "beauty", "--format", style)
    assert result.exit_code == 0, result.exception
    assert "no key" in result.stdout
    assert ("0.109" if style in ("csv", "json") else ".1095") in result.stdout
    if style == "rich":
        assert max(map(len, result.stdout.splitlines())) <= 80


def test_json_is_one_table_or_a_list(out: Path) -> None:
    content = json.loads(invoke(out, "--format", "json").stdout)
    assert content["dataset"] == "beauty"
    assert [row["recommender"] for row in content["rows"]] == ["b", "a"]
    keep(out, [record("a", full(1.0), dataset="steam-sample")])
    both = json.loads(invoke(out, "--format", "json").stdout)
    assert [table["dataset"] for table in both] == ["beauty", "steam-sample"]
    one = json.loads(invoke(out, "steam-sample", "--format", "json").stdout)
    assert one["data"]["synthetic"] is True


def test_sort_and_columns(out: Path) -> None:
    result = invoke(out, "--format", "csv", "--sort", "gini", "--columns", "gini@20,memory")
    header, first, *_ = result.stdout.splitlines()
    assert header.endswith("gini@20,gini@20 spread,memory")
    assert ",a,a," in first  # less is better


def test_some_prompts_never_stand_among_all(out: Path) -> None:
    keep(out, [record("a", full(3.0), max_prompts=50, prompts=50)])
    whole = invoke(out, "beauty")
    assert "SUBSET" not in whole.stdout
    command = next(line for line in whole.stderr.splitlines() if "1 row" in line)
    part = invoke(out, *command.partition("leaderboard ")[2].partition("  (")[0].split())
    assert "a SUBSET of 50 of 200 prompts" in " ".join(part.stdout.split())
    assert " b " not in part.stdout


def test_diagnostics_of_prompted_models(out: Path) -> None:
    assert "no result of a prompted model" in error(out, "beauty", "--diagnostics")
    answers = {"distinct-items": 1234.0, "hallucinations": 0.3219}
    keep(out, [record("asked", full(1.0), diagnostics=answers)])
    shown = invoke(out, "beauty", "--diagnostics")
    assert shown.exit_code == 0, shown.exception
    for wanted in ("asked", "1,234", "0.322"):
        assert wanted in shown.stdout
    for unwanted in ("NDCG", "\nb"):
        assert unwanted not in shown.stdout
    # without a dataset, others do not get in the way; a subset is found although it comes last
    keep(out, [record("x", full(1.0), dataset="steam-sample")])
    subset = {"hallucinations": 0.5}
    keep(out, [record("asked", full(1.0), diagnostics=subset, dataset="games", max_prompts=9)])
    keep(out, [record("x", full(1.0), dataset="games")])
    every = invoke(out, "--diagnostics")
    assert every.exit_code == 0, every.exception
    assert "0.500" in every.stdout
    assert "steam-sample" not in every.stdout
    beside = invoke(out, "beauty", "--columns", "hr,hallucinations", "--format", "csv").stdout
    assert "0.3219" in beside


def test_no_results_say_what_to_run(tmp_path: Path) -> None:
    assert "`benchkit run --all --dataset NAME`" in error(tmp_path)
    assert "`benchkit run --all --dataset steam`" in error(tmp_path, "steam")


def test_unknown_names_get_the_nearest(out: Path) -> None:
    keep(out, [record("a", dataset="steam-sample")])
    assert "did you mean beauty?" in error(out, "beuty")
    assert "did you mean steam-sample?" in error(out, "steam")
    assert "there are: beauty, steam-sample" in error(out, "zzz")
    assert "did you mean ndcg" in error(out, "beauty", "--sort", "ndgc@20")
    assert "did you mean memory" in error(out, "beauty", "--columns", "memroy")
    assert "--ties 0" in error(out, "beauty", "--ties", "1")
    assert "--ties takes seeds" in error(out, "beauty", "--ties", "x")


def test_other_tables_are_told_on_standard_error_with_the_command(out: Path) -> None:
    keep(out, [record("a", full(1.0), protocol="strict")])
    result = invoke(out, "beauty")
    assert "strict protocol" in result.stdout
    assert "benchkit leaderboard beauty --protocol paper  (2 rows" in result.stderr
    assert "paper protocol" in invoke(out, "beauty", "--protocol", "paper").stdout
    assert "other data" not in result.stdout
    assert invoke(out, "beauty", "--data", "dddd").exit_code == 0


def test_a_dataset_that_does_not_fit_hides_no_other(out: Path) -> None:
    keep(out, [record("x", full(1.0), dataset="my-shop", protocol="strict")])
    keep(out, [failure("y", "no key", dataset="steam-sample")])
    fits = invoke(out, "--protocol", "strict")
    assert fits.exit_code == 0, fits.exception
    assert "my-shop" in fits.stdout
    assert "beauty" not in fits.stdout
    assert "Left out: beauty: no table of beauty fits --protocol strict" in fits.stderr
    best = invoke(out, "--sort", "ndcg@20")
    assert best.exit_code == 0, best.exception
    assert ("beauty" in best.stdout, "my-shop" in best.stdout) == (True, True)
    assert "Left out: steam-sample: unknown column 'ndcg@20'" in best.stderr
    # What is named, or fits nowhere, is an error still.
    assert "no table of beauty fits" in error(out, "beauty", "--protocol", "strict")
    assert "unknown column" in error(out, "steam-sample", "--sort", "ndcg@20")
    assert "no table of beauty fits" in error(out, "--protocol", "leave-one-out")


def test_a_damaged_record_is_a_warning(out: Path) -> None:
    (out / "records" / "beauty" / "x-1").mkdir()
    (out / "records" / "beauty" / "x-1" / "record.json").write_text("{")
    result = invoke(out, "beauty")
    assert "Warning: cannot read the record" in result.stderr
    assert "b " in result.stdout


def test_published_figures_beside_ours(out: Path) -> None:
    keep(out, [record("sknn", full(1.0))])
    assert "difference" in invoke(out, "beauty", "--paper").stdout
    content = json.loads(invoke(out, "beauty", "--paper", "--format", "json").stdout)
    assert content["published"]["source"] == "Table 4 of the paper"


def test_a_table_can_be_had_by_the_rules_of_its_protocol(out: Path) -> None:
    keep(out, [record("sknn", full(1.0), protocol="leave-one-out")])
    protocols: tuple[ProtocolName, ...] = ("paper", "leave-one-out")
    for name in protocols:
        shown = table_of("beauty", out=out, protocol=Protocol(name=name).rules())
        assert f"beauty, {name} protocol" in str(shown)


def test_the_workspace_is_where_the_environment_says(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = out / "home"
    keep(home / "leaderboards", [record("mine", full(1.0))])
    monkeypatch.setenv("BENCHKIT_HOME", str(home))
    result = CliRunner().invoke(leaderboard, ["beauty", "--format", "csv"])
    assert "mine" in result.stdout


_SHOW = """
import sys
from benchkit.cli import cli
cli.main(["leaderboard", "beauty"], standalone_mode=False)
print([m for m in ("polars", "torch", "sklearn", "scipy", "optuna") if m in sys.modules])
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_nothing_heavy_is_imported_and_any_encoding_will_do(out: Path, encoding: str) -> None:
    keep(out / "leaderboards", [record("a寿", full(1.0)), record("b", full(2.0), ties=0)])
    environment = {**os.environ, "BENCHKIT_HOME": str(out), "PYTHONIOENCODING": encoding}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    shown = subprocess.run(
        [sys.executable, "-c", _SHOW], env=environment, capture_output=True, check=True
    )
    assert shown.stdout.decode(encoding).splitlines()[-1] == "[]"
