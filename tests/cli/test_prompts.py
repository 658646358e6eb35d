"""`benchkit prompts`: samples of what a stranger's model would be fine-tuned on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchkit import Recommendations
from benchkit.cli import cli
from benchkit.components.registry import Registered, registry
from benchkit.contracts.errors import BenchkitError, PluginError
from benchkit.contracts.prompted import Example, Message, Pairs, PromptedRecommender, Work

HOSTILE = "\x1b[2J Red\u202e & blue" + " and more" * 12


class Parrot(PromptedRecommender):
    """Repeats what it is told."""

    name = "stranger-parrot"
    task = "echo"

    def pairs(self, train: Any, bench: Any) -> Pairs:
        prompts = [
            (Message("system", "Repeat."), Message("user", f"{HOSTILE}\n{each}")) for each in train
        ]
        made = [Example(prompt, "again\nand again") for prompt in prompts]
        return Pairs(made[2:], made[:2])

    def exports(self, pairs: Pairs) -> Mapping[str, str]:
        return {"train.jsonl": f"{len(pairs.train)}\n", "validation.jsonl": ""}

    def estimate(self, train: Any, prompts: Any, bench: Any) -> Work:
        raise AssertionError("nothing is asked")

    def diagnostics(self) -> Mapping[str, float]:
        return {}

    def fit(self, train: Any, bench: Any) -> None:
        raise AssertionError("nothing is fitted")

    def recommend(self, prompts: Any, k: int) -> Recommendations:
        raise AssertionError("nothing is asked")


class LongerName(Parrot):
    name = "another-stranger-parrot"


@pytest.fixture(autouse=True)
def home(steam_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    known = registry().components["recommender"]
    for kind in (LongerName, Parrot):
        monkeypatch.setitem(known, kind.name, Registered(kind, "stranger", "1.0"))
    return steam_home


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["prompts", "steam", *arguments], catch_exceptions=True)


def test_samples_are_labelled_and_nothing_in_them_acts() -> None:
    result = call("--task", "echo", "-n", "2")
    assert result.exit_code == 0, result.exception
    lines = result.output.splitlines()
    assert lines[0].startswith("steam-sample, stranger-parrot: ")
    assert lines[0].endswith(" pairs to train on, 2 to validate")
    assert sum(line.startswith("Pair ") for line in lines) == 2
    assert [line for line in lines if line.startswith("  ") and line[2] != " "] == [
        "  system",
        "  user",
        "  wanted answer",
    ] * 2
    assert lines[lines.index("  wanted answer") + 1 :][:2] == ["    again", "    and again"]
    assert r"\x1b[2J Red\u202e & blue" in result.output
    assert "\x1b" not in result.output
    assert max(map(len, lines)) <= 80


def test_the_same_seed_shows_the_same() -> None:
    shown = call("--task", "echo").output
    assert call("--task", "echo").output == shown
    assert call("--task", "echo", "--seed", "1").output != shown


def test_a_recommenders_name_will_do() -> None:
    result = call("--task", "another-stranger-parrot", "-n", "0")
    assert result.output.startswith("steam-sample, another-stranger-parrot: ")
    assert len(result.output.splitlines()) == 1


def test_an_unknown_task_gets_near_spellings() -> None:
    result = call("--task", "ecko")
    assert isinstance(result.exception, PluginError)
    assert str(result.exception) == "unknown task 'ecko'; did you mean echo?"


def test_a_wrong_value_is_refused_before_anything_is_prepared() -> None:
    result = call("--task", "echo", "--set", "stranger-parot.k=2")
    assert "unknown component 'stranger-parot'" in str(result.exception)
    result = call("--task", "echo", "--set", "stranger-parrot.k=2")
    assert "unknown parameter 'k'" in str(result.exception)


def test_export_writes_every_file_once(home: Path) -> None:
    folder = home / "out"
    result = call("--task", "echo", "-n", "0", "--export", str(folder))
    assert result.exit_code == 0, result.exception
    assert result.output.splitlines()[-1] == f"{folder} holds train.jsonl, validation.jsonl"
    assert int((folder / "train.jsonl").read_text()) > 1000
    assert sorted(path.name for path in folder.iterdir()) == ["train.jsonl", "validation.jsonl"]
    again = call("--task", "echo", "--export", str(folder))
    assert isinstance(again.exception, BenchkitError)
    assert str(again.exception).endswith(
        "exists already; name an empty or new folder with --export"
    )
    assert again.output == ""


def test_export_leaves_the_workspace_that_it_goes_to_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHKIT_HOME", ".")
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    result = call("--task", "echo", "-n", "0", "--export", ".")
    assert result.exit_code == 0, result.exception
    assert sorted(os.listdir(".")) == ["datasets", "train.jsonl", "validation.jsonl"]
