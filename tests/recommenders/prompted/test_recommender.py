"""The prompted recommenders as a whole, at a service on loopback."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchkit import Sessions
from benchkit.components.registry import registry
from benchkit.contracts.errors import ConfigError, UnavailableError
from benchkit.contracts.prompted import PromptedRecommender, Work
from benchkit.contracts.protocol import Protocol
from benchkit.data.open import open_dataset
from benchkit.data.sealed import seal
from benchkit.evaluation.availability import why_left_out
from benchkit.evaluation.settings import Settings
from benchkit.evaluation.tasks import plan
from benchkit.tuning.objective import Objective
from benchkit_plugins.recommenders.llm_seq_prompt_gen_item import LLMSeqPromptGenItem
from benchkit_plugins.recommenders.llm_seq_prompt_gen_list import LLMSeqPromptGenList
from benchkit_plugins.recommenders.llm_seq_prompt_rank import LLMSeqPromptRank
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt
from tests.recommenders.prompted.server import Service
from tests.recommenders.prompted.tasked import TitledBench
from tests.recommenders.prompted.tasked import bench as titled

ITEMS = 12
NAME = LLMSeqPromptGenItem.name
SESSIONS = [[n % ITEMS, (n + 1) % ITEMS, (n + 2) % ITEMS] for n in range(40)]
PROMPTS = Sessions.from_lists([[0, 1], [5, 6], [0, 1], [3]])


def bench(folder: Path) -> TitledBench:
    """Return a bench that keeps answers in a folder."""
    titles = [f"title {n}" for n in range(ITEMS)]
    return replace(titled(titles, train=SESSIONS), workspace=folder)


def recommender(
    service: Service, kind: type[LLMSeqPrompt] = LLMSeqPromptGenItem, **values: Any
) -> LLMSeqPrompt:
    where = {"provider": "openai", "base_url": f"{service.url}/v1", "price": "1/2/3"}
    return kind(PromptedConfig.create({**where, **values}, kind.name))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHKIT_HOME", str(tmp_path))


def test_a_model_is_fine_tuned_and_asked_and_both_are_counted(
    service: Service, tmp_path: Path
) -> None:
    given, asked = bench(tmp_path), recommender(service)
    forecast = asked.estimate(given.train, PROMPTS, given)
    assert forecast.calls > 3
    asked.fit(given.train, given)
    lists = asked.recommend(PROMPTS, 5)
    assert lists.items.shape == (4, 5)
    assert np.array_equal(lists.items[0], lists.items[2])
    assert len(service.jobs) == 1
    answers = asked.diagnostics()
    assert answers["answered_prompts"] == 4
    assert answers["tokens_per_prompt"] > 0
    assert answers["training_dollars"] > 0
    assert 0 < given.spending.dollars <= forecast.dollars
    assert asked.estimate(given.train, PROMPTS, given) == Work()


def test_another_temperature_asks_the_same_model(service: Service, tmp_path: Path) -> None:
    for temperature in (0.25, 0.5):
        asked, given = recommender(service, temperature=temperature), bench(tmp_path)
        asked.fit(given.train, given)
        asked.recommend(PROMPTS, 5)
    assert len(service.jobs) == 1
    asked = recommender(service, epochs=2)
    asked.fit(given.train, given)
    assert len(service.jobs) == 2


def test_the_likeliest_answer_is_asked_for_once_whatever_the_seed(
    service: Service, tmp_path: Path
) -> None:
    for seed in (0, 1):
        given = replace(bench(tmp_path), seed=seed)
        for temperature, top_p in ((0, 1), (0, 0.5), (0.25, 1)):
            asked = recommender(service, state="base", temperature=temperature, top_p=top_p)
            asked.fit(given.train, given)
            left = asked.estimate(given.train, PROMPTS, given).calls
            assert left == (0 if (seed, top_p) != (0, 1) and not temperature else 3)
            asked.recommend(PROMPTS, 5)


def test_who_ends_no_answer_early_is_not_asked_again_when_more_titles_are_looked_at(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, given = recommender(service, state="base"), bench(tmp_path)
    asked.fit(given.train, given)
    asked.recommend(PROMPTS, 5)
    monkeypatch.setattr(asked.task_type, "most", 7)
    assert asked.estimate(given.train, PROMPTS, given) == Work()


def test_the_base_model_is_not_tuned(service: Service, tmp_path: Path) -> None:
    asked, given = recommender(service, state="base"), bench(tmp_path)
    asked.fit(given.train, given)
    asked.recommend(PROMPTS, 5)
    assert not service.jobs
    assert asked.diagnostics()["training_dollars"] == 0


def test_answers_replay_without_a_key(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, given = recommender(service), bench(tmp_path / "here")
    asked.fit(given.train, given)
    lists = asked.recommend(PROMPTS, 5)
    shutil.copytree(tmp_path / "here" / "completions", tmp_path / "completions")
    monkeypatch.delenv("OPENAI_API_KEY")
    requests = len(service.log)
    replay, given = recommender(service), bench(tmp_path)
    assert replay.why_unavailable() is None
    replay.fit(given.train, given)
    assert np.array_equal(replay.recommend(PROMPTS, 5).items, lists.items)
    assert replay.diagnostics() == asked.diagnostics()
    assert (given.spending.dollars, len(service.log)) == (0, requests)
    with pytest.raises(UnavailableError, match="1 of 1 answers are not kept here"):
        replay.recommend(Sessions.from_lists([[9, 2, 4]]), 5)
    shutil.rmtree(tmp_path / "completions")
    assert "OPENAI_API_KEY" in str(replay.why_unavailable())


def test_pairs_are_drawn_by_the_seed_and_split(service: Service, tmp_path: Path) -> None:
    given = bench(tmp_path)
    pairs = recommender(service, train_sessions=30).pairs(given.train, given)
    assert (len(pairs.train), len(pairs.validation)) == (27, 3)
    again = recommender(service, train_sessions=30).pairs(given.train, given)
    assert again == pairs
    for wanted in (1, 29):  # the user's number is no share
        fewer = recommender(service, train_sessions=30, validation_sessions=wanted)
        assert len(fewer.pairs(given.train, given).validation) == wanted
    fifth = recommender(service, train_sessions=30, validation_share=0.2)
    assert len(fifth.pairs(given.train, given).validation) == 6
    none = recommender(service, train_sessions=30, validation_sessions=30)
    with pytest.raises(ConfigError, match="validation_sessions=30 leaves nothing to train on: 30"):
        none.pairs(given.train, given)
    assert set(fewer.exports(pairs)) == {
        f"{service}-{part}.jsonl"
        for service in ("openai", "vertex")
        for part in ("train", "validation")
    }


def test_another_wording_is_another_run(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    digests = [recommender(service).reads()]
    for words in ("Go on.", "What next?"):
        path.write_text(f'[gen-item]\nsystem = "{words}"\n')
        mine = recommender(service, templates=str(path))
        digests.append(mine.reads())
        # a row of its own, beside that of our wording
        assert mine.identity() == {**recommender(service).identity(), "templates": str(path)}
    assert len({each["templates"] for each in digests}) == 3
    other = recommender(service, LLMSeqPromptRank, templates=str(path)).reads()
    assert other == recommender(service, LLMSeqPromptRank).reads()
    path.write_text('[gen-item]\nuser = "{titels}"\n')
    with pytest.raises(ConfigError, match="unknown placeholder"):
        recommender(service, templates=str(path)).reads()


def test_advice_names_the_recommender(service: Service, tmp_path: Path) -> None:
    asked, given = recommender(service, model="nobodys", price=None), bench(tmp_path)
    with pytest.raises(UnavailableError, match=f"--set {NAME}.price="):
        asked.estimate(given.train, PROMPTS, given)


def test_obstacles_name_the_recommender_and_only_models_here_use_a_gpu(service: Service) -> None:
    asked = recommender(service, LLMSeqPromptRank, provider="vertex", base_url=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GOOGLE_CLOUD_PROJECT")
        assert "--set llm-seq-prompt-rank.project=" in str(asked.why_unavailable())
    assert not asked.uses_gpu()
    assert asked.pays()
    here = recommender(service, provider="local", base_url=None)
    assert not here.pays()
    assert here.uses_gpu()


def test_only_the_temperature_is_searched() -> None:
    assert [field.name for field in PromptedConfig.fields() if field.param.search] == [
        "temperature"
    ]


def test_a_rehearsal_sends_nothing_and_joining_machines_never_pay(
    service: Service, tmp_path: Path
) -> None:
    values = {"provider": "openai", "base_url": f"{service.url}/v1", "price": "0/0/0"}
    settings = Settings(
        protocol=Protocol(),
        preset="sample",
        overrides={NAME: {**values, "embedder": "lsa"}},
        cutoffs=(10,),
        seed=0,
        workspace=tmp_path,
        out=tmp_path / "out",
    )
    prepared = open_dataset("steam", tmp_path, None, {})
    task = plan(prepared, NAME, settings)
    Objective(task, seal(prepared, Protocol())).rehearse(task.identity.config)
    assert set(service.log) == {"GET /v1/models"}, "what it serves, and no more"
    assert why_left_out(NAME, prepared, settings, named=True) is None
    refused = why_left_out(NAME, prepared, settings, named=True, paying=False)
    assert "costs money" in str(refused)
    # what GenList and Rank build on is part of what tells their records apart, all of it
    below = replace(settings, overrides={"llm-seq-sim": {"dim": "7"}})
    for kind in (LLMSeqPromptGenList, LLMSeqPromptRank):
        built_on = plan(prepared, kind.name, below).identity.builds_on
        assert built_on["recommender:llm-seq-sim"]["config"]["dim"] == 7
        assert {"embedder:minilm", "reducer:pca"} <= built_on.keys()


def test_every_prompted_recommender_says_its_task() -> None:
    kinds = [entry.component for entry in registry().components["recommender"].values()]
    prompted = {kind.name: kind for kind in kinds if issubclass(kind, PromptedRecommender)}
    assert {kind.task for kind in prompted.values()} == {
        "gen-item",
        "gen-list",
        "class",
        "rank",
        "tallrec",
    }
    assert len(prompted) == 6
