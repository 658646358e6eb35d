"""Providers by name: a stranger's distribution brings one, through the same door as ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchkit.contracts.errors import ConfigError, PluginError
from benchkit_plugins.recommenders.llm_seq_prompt_gen_item import LLMSeqPromptGenItem
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers import registry
from benchkit_plugins.recommenders.prompted.providers.contract import provider_class
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
