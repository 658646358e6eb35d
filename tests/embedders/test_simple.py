"""LSA, random and shuffled vectors, and what needs neither model nor network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from benchkit.contracts.errors import ConfigError
from benchkit.embeddings import embed
from benchkit.toolkit.spending import Account
from benchkit_plugins.embedders.lsa import LSA, LSAConfig
from benchkit_plugins.embedders.openai import OpenAI
from benchkit_plugins.embedders.random import Random, RandomConfig
from benchkit_plugins.embedders.shuffled import Shuffled, ShuffledConfig
from benchkit_plugins.embedders.vertex import Vertex
from tests.conforming import ComponentConformance, EmbedderConformance
from tests.embedders.asking import embedded, kept

TEXTS = [
    "rose hand cream with shea butter",
    "shea butter hand lotion, rose",
    "lavender body lotion",
    "turbo racing simulator",
    "racing simulator: turbo tracks",
    "dungeon crawler with dragons",
]


class TestRandom(EmbedderConformance):
    component = Random
    config: ClassVar[dict[str, Any]] = {"dims": 5}


class TestLSA(EmbedderConformance):
    component = LSA

    def test_a_row_does_not_depend_on_its_neighbours(self) -> None:
        """It does: they are what it is learnt from."""


class TestShuffled(ComponentConformance):
    component = Shuffled


class TestOpenAI(ComponentConformance):
    component = OpenAI


class TestVertex(ComponentConformance):
    component = Vertex


def cosines(vectors: Any) -> Any:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def test_lsa_puts_texts_of_like_words_together() -> None:
    similar = cosines(LSA(LSAConfig(dims=3)).embed(TEXTS))
    assert similar[0, 1] > 0.9
    assert similar[3, 4] > 0.9
    assert abs(similar[0, 3]) < 0.1


def test_lsa_has_as_many_dimensions_as_there_are_to_have() -> None:
    assert LSA(LSAConfig(dims=4)).embed(TEXTS).shape == (6, 4)
    assert LSA(LSAConfig(dims=99)).embed(TEXTS).shape == (6, 6)
    assert not LSA().embed(["...", "!"]).any()


def test_random_vectors_are_standard_normal_and_their_own() -> None:
    texts = [f"text {number}" for number in range(500)]
    vectors = Random(RandomConfig(dims=101)).embed(texts)
    assert abs(float(vectors.mean())) < 0.02
    assert abs(float(vectors.std()) - 1) < 0.02
    assert abs(float((vectors**4).mean()) - 3) < 0.15
    assert np.abs(cosines(vectors)[np.triu_indices(500, 1)]).mean() < 0.1
    other = Random(RandomConfig(dims=101, seed=1)).embed(texts)
    assert np.abs(vectors - other).min(axis=1).max() > 0


def test_random_vectors_never_change() -> None:
    found = Random(RandomConfig(dims=3)).embed(["rose hand cream"])
    np.testing.assert_allclose(found, [[1.762639, 0.963012, -1.670226]], atol=1e-6)


def test_shuffled_keeps_every_vector_and_no_text_its_own() -> None:
    asked: list[str] = []

    def ask(name: str) -> Any:
        asked.append(name)
        return Random(RandomConfig(dims=4)).embed(TEXTS)

    own = ask("")
    found = Shuffled(ShuffledConfig(of="random")).embed_corpus(TEXTS, ask)
    assert asked == ["", "random"]
    assert sorted(found.tolist()) == sorted(own.tolist())
    assert not (found == own).all(axis=1).any()


def test_shuffled_depends_on_the_seed_but_not_on_the_order() -> None:
    def shuffled(texts: list[str], seed: int) -> Any:
        config = ShuffledConfig(of="random", seed=seed)
        return Shuffled(config).embed_corpus(texts, lambda _: Random().embed(texts))

    np.testing.assert_array_equal(shuffled(TEXTS, 0), shuffled(TEXTS[::-1], 0)[::-1])
    assert (shuffled(TEXTS, 0) != shuffled(TEXTS, 1)).any()


def test_shuffled_asks_through_the_store(tmp_path: Path) -> None:
    shuffled = embedded(tmp_path, "shuffled", TEXTS, {"of": "random"})
    assert kept(tmp_path, "random", TEXTS) == len(TEXTS)
    own = embedded(tmp_path, "random", TEXTS)
    assert sorted(shuffled.tolist()) == sorted(own.tolist())
    lacking, estimate = embed.missing("shuffled", {"shuffled": {"of": "openai"}}, TEXTS, tmp_path)
    assert lacking == TEXTS
    assert estimate.dollars > 0, "what it asks for is paid for"


def test_what_depends_on_all_texts_is_not_kept(tmp_path: Path) -> None:
    assert embedded(tmp_path, "lsa", TEXTS, {"dims": 2}).shape == (6, 2)
    assert not list(tmp_path.rglob("*.sqlite"))
    assert embed.missing("lsa", {}, TEXTS, tmp_path)[0] == []


def test_the_default_costs_nothing_and_runs_here() -> None:
    name = embed.default_embedder()
    found = embed.embedder(name, {})
    assert not found.paid
    assert found.why_unavailable() is None


def test_a_parameter_that_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dims must be at least 1"):
        embedded(tmp_path, "random", TEXTS, {"dims": 0}, spending=Account())
