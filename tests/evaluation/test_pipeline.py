"""Tasks: what a record says was asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchkit.components.registry import Registered, registry
from benchkit.contracts.embedder import Batch
from benchkit.contracts.protocol import Protocol
from benchkit.data.split import split_sessions
from benchkit.embeddings.embed import embed_catalog
from benchkit.evaluation.pipeline import evaluate
from benchkit.evaluation.settings import Settings
from benchkit.evaluation.tasks import plan
from benchkit.leaderboards.store import read
from benchkit.toolkit.spending import Account
from benchkit.tuning.budget import Options
from benchkit.tuning.search import Search
from benchkit_plugins.embedders.random import Random
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
        (
            "llm-seq-prompt-rank",
            {"llm-seq-sim": {"embedder": "lsa"}, "llm2sasrec": {"embedder": "lsa"}},
            {"llm-seq-sim.embedder": "lsa"},
        ),
        ("llm-seq-sim", {"minilm": {"device": "cpu"}}, {}),  # the same vectors
    ],
)
def test_what_the_user_set_of_all_that_a_result_depends_on(
    tmp_path: Path, name: str, overrides: dict[str, dict[str, str]], given: dict[str, object]
) -> None:
    settings = Settings(Protocol(), "paper", overrides, (20,), 0, tmp_path, tmp_path)
    assert plan(prepared([[0, 1], [1, 2]]), name, settings).all_overrides == given


class Paid(Random):
    """Vectors at three tokens and a dollar a text."""

    name = "random"
    paid = True

    def batches(self, texts: Sequence[str], allow: Callable[[float], None]) -> Iterator[Batch]:
        allow(len(texts))
        rows = np.arange(len(texts))
        yield Batch(rows, self.embed(texts), 3 * len(texts), len(texts), reserved=len(texts))


def test_a_record_states_what_its_vectors_cost_whoever_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    components = registry().components["embedder"]
    monkeypatch.setitem(components, "random", Registered(Paid, "benchkit", "1"))
    data = prepared([[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [2, 1, 0], [1, 0, 2]])
    values = {"llm-seq-sim": {"embedder": "random", "reducer": "none"}}
    embed_catalog(data.catalog, "random", values, tmp_path, Account())

    def api(out: str) -> Mapping[str, float]:
        where = tmp_path / out
        settings = Settings(Protocol(), "paper", values, (20,), 0, tmp_path, where, max_cost=0.0)
        task = plan(data, "llm-seq-sim", settings)
        split = split_sessions(data, settings.protocol)
        record = evaluate(task, data, split, lambda _: None, lambda _: None)
        kept = read(task.identity.folder(where) / "record.json")
        assert replace(kept, lists="") == record
        return record.api

    assert api("first") == {"tokens": 9, "cost": pytest.approx(3.0)}
    (path,) = (tmp_path / "embeddings").glob("random-*.sqlite")
    with sqlite3.connect(path) as base:  # as earlier versions left it
        base.execute("drop table asked")
    base.close()
    assert api("second") == {"tokens": 0, "cost": 0.0, "unknown": 3}


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
    assert tasks[1].all_overrides == given
    assert (tasks[1].config["timeout"], tasks[1].config["project"]) == (300.0, "of-mine")
    searches = [Search(task, Options(trials=1)) for task in tasks]
    assert searches[0].name == searches[1].name
