"""`benchkit analyse` as it is used, over real runs on a generated sample."""

from __future__ import annotations

import csv
import json
import os
import shutil
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchkit.analysis.questions import QUESTIONS
from benchkit.cli import cli
from benchkit.cli.analyse import BY, CUT, FORMATS
from benchkit.contracts.errors import BenchkitError
from tests.workspace import Workspace, board


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(sample, folder / "datasets")
    recommenders = ("-r", "most-popular", "-r", "v-sknn")
    Workspace(folder, os.environ).here("run", *recommenders, "--dataset", "steam", "--ties", "0,1")
    return folder


def call(home: Path, *arguments: str) -> Result:
    environment = {"BENCHKIT_HOME": str(home), "COLUMNS": "80"}
    return CliRunner().invoke(cli, list(arguments), env=environment)


def error(home: Path, *arguments: str) -> str:
    found = call(home, "analyse", *arguments).exception
    assert isinstance(found, BenchkitError), found
    assert "\n" not in str(found)
    return str(found)


def test_the_questions_are_those_there_are() -> None:
    assert {*BY, CUT} == set(QUESTIONS)


@pytest.mark.parametrize("style", FORMATS)
def test_every_format_answers_every_question(home: Path, style: str) -> None:
    result = call(home, "analyse", "steam-sample", "--format", style)
    assert result.exit_code == 0, result.exception
    for word in (*BY, "v-sknn", "most-popular"):
        assert word in result.stdout
    if style == "rich":
        assert max(map(len, result.stdout.splitlines())) <= 80
        assert "GENERATED SAMPLE" in result.stdout


def test_the_weighted_groups_give_the_hit_rate_of_the_leaderboard(home: Path) -> None:
    content = json.loads(call(home, "analyse", "--format", "json").stdout)
    table, *_ = board(home / "leaderboards", "steam-sample")
    known = {row.label: row.metrics["hr@20"] for row in table.rows}
    assert [row["label"] for row in content["questions"][0]["rows"]] == ["v-sknn", "most-popular"]
    for question in content["questions"]:
        counts = [group["prompts"] for group in question["groups"]]
        assert sum(counts) == table.prompts
        for row in question["rows"]:
            hits = sum(
                count * rate["value"] for count, rate in zip(counts, row["hit_rates"], strict=True)
            )
            assert hits / sum(counts) == pytest.approx(known[row["label"]])
            assert row["all"]["value"] == pytest.approx(known[row["label"]])
            assert row["runs"] == 2


def test_options_choose(home: Path) -> None:
    chosen = ("steam-sample", "-r", "v-sknn", "--by", "length", "--k", "5", "--ties", "0,1")
    text = call(home, "analyse", *chosen, "--format", "csv").stdout
    lines = list(csv.DictReader(StringIO(text)))
    assert {(line["by"], line["label"], line["k"]) for line in lines} == {
        ("length", "v-sknn", "5"),
    }
    assert all(0 <= float(line["low"]) <= float(line["hit rate"]) for line in lines)


def test_mistakes_get_one_sentence(home: Path, tmp_path: Path) -> None:
    assert "there are no kept lists in" in error(tmp_path)
    assert "did you mean steam-sample?" in error(home, "steam")
    assert "there are: " in error(home, "steam-sample", "-r", "zzz")
    assert "did you mean v-sknn?" in error(home, "steam-sample", "-r", "vsknn")
    assert "its lists hold 20 items; run again with --k 30" in error(home, "--k", "30")
    assert "--ties 0,1" in error(home, "steam-sample", "--ties", "7")
    moved = tmp_path / "moved"
    shutil.copytree(home / "leaderboards", moved / "leaderboards")
    assert "run `benchkit run` with the same dataset" in error(moved, "steam-sample")


def test_pictures_are_drawn(home: Path, tmp_path: Path) -> None:
    for extra in ("altair", "vl_convert"):
        pytest.importorskip(extra, reason="needs the extra report")
    result = call(home, "analyse", "--by", "position", "--pictures", str(tmp_path))
    assert result.exit_code == 0, result.exception
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "steam-sample-hit-rate-by-position.png",
        "steam-sample-hit-rate-by-position.svg",
    ]
    assert "Drawn: " in result.stderr


def test_cut_prompts_are_asked_again_and_the_whole_ones_answered_alike(home: Path) -> None:
    result = call(home, "analyse", "-r", "v-sknn", "--by", "cut", "--format", "json")
    assert result.exit_code == 0, result.exception
    assert "kept lists differ" not in result.stderr
    assert "v-sknn, ties 1, seed 0: asking with position 2 as the last" in result.stderr
    (question,) = json.loads(result.stdout)["questions"]
    (row,) = question["rows"]
    assert row["hit_rates"][0] == row["uncut"][0] == row["all"]
    assert row["hit_rates"][1]["value"] != row["uncut"][1]["value"]
