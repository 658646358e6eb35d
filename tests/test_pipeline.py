"""Tasks: what a record says was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchkit.pipeline import plan
from benchkit.protocol import Protocol
from benchkit.settings import Settings
from benchkit.tuning.budget import Options
from benchkit.tuning.search import Search
from tests.making import prepared


@pytest.mark.parametrize(
    ("name", "overrides", "given"),
    [
        (
            "llm-seq-sim",
            {
                "llm-seq-sim": {"embedder": "lsa", "dim": "4"},
                "lsa": {"dims": "8"},
                "sknn": {"k": "3"},
            },
            {"embedder": "lsa", "dim": 4, "lsa.dims": 8},
        ),
        (
            "llm-seq-sim-popularity",
            {"llm-seq-sim": {"embedder": "lsa", "dim": "4"}, "lsa": {"dims": "8"}},
            {"llm-seq-sim.dim": 4},  # it gives LLMSeqSim the embedder itself
        ),
        (
            "llm-seq-sim-popularity",
            {"llm-seq-sim-popularity": {"embedder": "lsa"}, "lsa": {"dims": "8"}},
            {"embedder": "lsa", "lsa.dims": 8},
        ),
        (
            "embedding-ensemble",
            {
                "llm-seq-sim": {"exclude_seen": "none", "reducer": "lda"},
                "minilm": {"device": "cpu"},
            },
            {"llm-seq-sim.reducer": "lda"},
        ),
        (
            "embedding-ensemble",
            {
                "embedding-ensemble": {"first_reduced": "false", "second_reduced": "false"},
                "llm-seq-sim": {"reducer": "lda"},
            },
            {"first_reduced": False, "second_reduced": False},
        ),
        (
            "llm-seq-sim-sequential",
            {
                "llm-seq-sim-sequential": {"sequential": "llm-seq-sim", "exclude_seen": "none"},
                "llm-seq-sim": {"embedder": "lsa", "exclude_seen": "read"},
            },
            {"sequential": "llm-seq-sim", "exclude_seen": "none", "llm-seq-sim.embedder": "lsa"},
        ),
        ("llm-seq-prompt-rank", {"llm-seq-sim": {"embedder": "lsa", "reducer": "lda"}}, {}),
        ("llm-seq-sim", {"minilm": {"device": "cpu"}}, {}),  # the same vectors
    ],
)
def test_what_the_user_set_of_all_that_a_result_depends_on(
    tmp_path: Path, name: str, overrides: dict[str, dict[str, str]], given: dict[str, object]
) -> None:
    settings = Settings(Protocol(), "paper", overrides, (20,), 0, tmp_path, tmp_path)
    assert plan(prepared([[0, 1], [1, 2]]), name, settings).given == given


def test_what_shapes_no_result_makes_no_other_record(tmp_path: Path) -> None:
    name, data = "llm-seq-prompt-gen-item", prepared([[0, 1], [1, 2]])
    given = {"state": "base", "provider": "openai"}
    tasks = [
        plan(
            data,
            name,
            Settings(Protocol(), "paper", {name: values}, (20,), 0, tmp_path, tmp_path),
        )
        for values in (given, {**given, "timeout": "300", "project": "of-mine"})
    ]
    assert tasks[0].identity.key == tasks[1].identity.key
    assert tasks[1].given == given
    assert (tasks[1].config["timeout"], tasks[1].config["project"]) == (300.0, "of-mine")
    searches = [Search(task, Options(trials=1)) for task in tasks]
    assert searches[0].name == searches[1].name
