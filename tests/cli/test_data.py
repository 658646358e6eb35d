"""`benchkit data`: fetch, info, make."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchkit.cli import cli
from benchkit.components.registry import registry
from benchkit.contracts.dataset import Dataset
from benchkit.contracts.errors import BenchkitError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if "steam" not in registry().components["dataset"]:
        pytest.skip("benchkit is not installed")
    monkeypatch.setenv("BENCHKIT_HOME", str(tmp_path))
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["data", *arguments], catch_exceptions=True)


def test_info_shows_statistics_beside_the_published_ones_and_the_split(home: Path) -> None:
    result = call("info", "steam")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0] == ["steam-sample"]
    assert "GENERATED" in lines[1]
    assert any(line[0] == "sessions" and line[-1] == "279,290" for line in lines if line)
    assert any(line[0] == "classes" and line[-1] == "700" for line in lines if line)
    assert "  Not comparable: steam-sample is generated, not the data of the paper" in result.output
    assert any(line[:2] == ["test", "prompts"] for line in lines)
    assert max(map(len, result.output.splitlines())) <= 80
    assert call("info", "steam").output == result.output


def test_info_speaks_json_and_takes_parameters() -> None:
    everything = json.loads(call("info", "beauty", "--format", "json").stdout)
    assert everything["dataset"] == "beauty-sample"
    assert everything["synthetic"] is True
    for setting in ("p_core=8", "beauty.p_core=8"):
        found = json.loads(call("info", "beauty", "--set", setting, "--format", "json").stdout)
        assert found["statistics"]["items"] < everything["statistics"]["items"]


def test_make_writes_raw_files_that_info_reads(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = call("make", "steam", "--sessions", "300", "--seed", "3")
    assert result.exit_code == 0, result.output
    folder = home / "datasets" / "steam" / "made" / "300-sessions-seed-3"
    assert sorted(path.name for path in folder.iterdir()) == [
        "steam_games.json.gz",
        "steam_reviews.json.gz",
    ]
    assert call("info", "steam", "--raw", str(folder)).exit_code == 0
    (home / "empty").mkdir()
    monkeypatch.chdir(home / "empty")
    assert call("make", "steam", "--sessions", "10", "--out", ".").exit_code == 0
    assert len(os.listdir(".")) == 2
    again = call("make", "steam", "--sessions", "300", "--seed", "3")
    assert isinstance(again.exception, BenchkitError)
    assert "is not empty" in str(again.exception)


def test_fetch_explains_what_cannot_be_downloaded() -> None:
    error = call("fetch", "delivery-hero").exception
    assert isinstance(error, BenchkitError)
    assert "proprietary" in str(error)
    assert "delivery-hero/raw" in str(error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("info", "steem"), "did you mean steam"),
        (("info", "steam", "--set", "p_core"), "--set takes PARAM=VALUE"),
        (("info", "steam", "--set", "p_corr=1"), "did you mean p_core"),
        (("info", "steam", "--ties", "x"), "--ties takes seeds"),
        (("info", "steam", "--raw", "nowhere"), "benchkit data fetch steam"),
        (("info", "nowhere.toml"), "nowhere.toml is missing"),
    ],
)
def test_mistakes_are_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    error = call(*arguments).exception
    assert isinstance(error, BenchkitError)
    assert words in str(error)
    assert "\n" not in str(error)


def test_a_dataset_that_generates_nothing_asks_for_its_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry().dataset("steam"), "generate", Dataset.generate)
    error = call("info", "steam").exception
    assert isinstance(error, BenchkitError)
    assert "steam generates no sample, and " in str(error)
    assert "holds no raw files: put them there, or name their folder with --raw" in str(error)
    error = call("make", "steam", "--sessions", "10").exception
    assert str(error) == "steam generates no sample"


def test_half_of_the_files_is_no_sample(home: Path) -> None:
    raw = home / "datasets" / "steam" / "raw"
    raw.mkdir(parents=True)
    (raw / "steam_games.json.gz").write_bytes(b"")
    error = call("info", "steam").exception
    assert isinstance(error, BenchkitError)
    assert "steam_reviews.json.gz is missing in" in str(error)


def test_a_dataset_shows_what_is_published_about_it() -> None:
    result = CliRunner().invoke(cli, ["show", "delivery-hero"], env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    assert "delivery-hero: published results" in result.output
    assert "llm-seq-prompt-gen-item (PaLM fntd)" in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_info_describes_several_datasets() -> None:
    found = json.loads(
        call("info", "beauty", "steam", "--set", "beauty.p_core=8", "--format", "json").stdout
    )
    assert [each["dataset"] for each in found] == ["beauty-sample", "steam-sample"]
    alone = json.loads(call("info", "steam", "--format", "json").stdout)
    assert alone == found[1]
    error = call("info", "beauty", "steam", "--raw", "one").exception
    assert isinstance(error, BenchkitError)
    assert "--raw takes one folder a dataset" in str(error)
