"""Providers by name: a stranger's distribution brings one, through the same door as ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchkit.contracts.errors import ConfigError, PluginError, UnavailableError
from benchkit.contracts.prompted import Message
from benchkit_plugins.recommenders.llm_seq_prompt_gen_item import LLMSeqPromptGenItem
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers import registry
from benchkit_plugins.recommenders.prompted.providers.contract import (
    FineTune,
    Provider,
    Sampling,
    provider_class,
)
from tests.recommenders.prompted.asking import pairs
from tests.recommenders.prompted.tasked import bench
from tests.strangers import declare

PROVIDER = """
from tests.recommenders.prompted.answering import Echo

class Parrot(Echo):
    name = "parrot"
    paid = False

    def exports(self, pairs):
        return {"train.txt": f"{len(pairs.train)} pairs"}
"""
GROUP = registry.GROUP


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of strangers' distributions."""
    monkeypatch.setenv("BENCHKIT_HOME", str(tmp_path))
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    registry._points.cache_clear()
    yield folder
    registry._points.cache_clear()


def chosen(name: str) -> LLMSeqPromptGenItem:
    return LLMSeqPromptGenItem(PromptedConfig.create({"provider": name, "state": "base"}, "tests"))


def test_a_stranger_brings_one(site: Path) -> None:
    (site / "parrots.py").write_text(PROVIDER)
    declare(site, "parrot-kit", {"parrot": "parrots:Parrot"}, group=GROUP)
    given = replace(bench(["one", "two", "three"]), workspace=site)
    recommender = chosen("parrot")
    recommender.fit(given.train, given)
    lists = recommender.recommend(given.train, 2)
    assert lists.items.shape == (1, 2)
    assert recommender.diagnostics()["answered_prompts"] == 1
    assert not recommender.pays()
    assert not recommender.uses_gpu()
    assert list(recommender.exports(pairs(12)).items())[2] == ("parrot-train.txt", "12 pairs")


SERVICE = """
from benchkit_plugins.language_models.calls import CallError
from benchkit_plugins.recommenders.prompted.providers.hosted.answers import Answer
from benchkit_plugins.recommenders.prompted.providers.hosted.provider import Hosted
from benchkit_plugins.recommenders.prompted.providers.hosted.service import Service

class Owls(Service):
    name, default, most_samples = "owl", "barn", 4

    def why_unavailable(self):
        return None

    def identity(self):
        return {"model": self.model}

    def complete(self, model, prompt, sampling, count, seed):
        return Answer([prompt[-1].content] * count, 5, 2)

    def call_error(self, error):
        return CallError(str(error))

class Owl(Hosted):
    name = "owl"
    service_class = Owls
"""


def test_a_service_that_only_samples_needs_one_class_and_refuses_to_train(site: Path) -> None:
    (site / "owls.py").write_text(SERVICE)
    declare(site, "owl-kit", {"owl": "owls:Owl"}, group=GROUP)

    def owl(**values: str) -> Provider:
        config = PromptedConfig.create({"provider": "owl", **values}, "tests")
        return provider_class("owl")(config, site)

    tuned, base = (owl(price="1/2/0", state=state) for state in ("fine-tuned", "base"))
    assert tuned.why_unavailable() == "it does not fine-tune: set state=base"
    assert tuned.exports(pairs(12)) == {}
    fine_tuning = FineTune(tuned.identity(), tuned.recipe(), pairs(12), 0)
    with pytest.raises(UnavailableError, match="owl does not fine-tune: set state=base"):
        tuned.train(fine_tuning, lambda _: None, print)
    assert base.why_unavailable() is None
    question = (Message("user", "who?"),)
    ((_, answer),) = base.sample(None, [question], Sampling(2, 0.5, 1, 9, 0), lambda _: None, print)
    assert answer.texts == ("who?", "who?")
    with pytest.raises(UnavailableError, match="price of 'barn' is not known; give it"):
        owl(state="base").sampling_work([question], Sampling(1, 0, 1, 9, 0))


def test_nothing_is_imported_before_it_is_chosen(site: Path) -> None:
    declare(site, "broken-kit", {"broken": "not_there:Broken"}, group=GROUP)
    assert registry.provider_names() == ["broken", "local", "openai", "vertex"]
    assert provider_class("local").name == "local"
    with pytest.raises(PluginError, match=r"'broken' of broken-kit 1\.0 cannot be loaded: .*there"):
        chosen("broken").why_unavailable()
    assert "not_there" not in sys.modules


def test_unknown_names_are_answered_with_near_ones() -> None:
    with pytest.raises(ConfigError, match="unknown provider 'opnai'; did you mean openai"):
        chosen("opnai")


def test_a_name_that_two_bring_is_refused(site: Path) -> None:
    declare(site, "other-kit", {"openai": "elsewhere:OpenAI"}, group=GROUP)
    with pytest.raises(PluginError, match=r"both other-kit 1\.0 and seqrec-benchkit .*: neither"):
        chosen("openai")


def test_what_is_no_provider_of_that_name_is_refused(site: Path) -> None:
    declare(site, "odd-kit", {"odd": "json:JSONDecoder"}, group=GROUP)
    with pytest.raises(PluginError, match="json:JSONDecoder is no class derived from Provider"):
        chosen("odd").why_unavailable()
