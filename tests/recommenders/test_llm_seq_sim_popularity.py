"""LLMSeqSim & Popularity, on a list whose order is known."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin
from typing import Any, ClassVar

import numpy as np
import pytest

from benchkit import Sessions
from benchkit_plugins.recommenders.llm_seq_sim_popularity import LLMSeqSimPopularity, _quantile
from tests.conforming import RecommenderConformance
from tests.recommenders.embedding import GivenBench, bench, fitted, listed

# LLMSeqSim's list for the prompt 0 is 1, 2, 3, 4, 5.
VECTORS = [[cos(radians(angle)), sin(radians(angle))] for angle in (0, 10, 20, 40, 50, 80)]


class TestConformance(RecommenderConformance):
    component = LLMSeqSimPopularity
    # Nothing is unpopular, so that the list remains LLMSeqSim's, which knows the cycle.
    config: ClassVar[dict[str, Any]] = {
        "embedder": "lsa",
        "reduced": False,
        "popularity_quantile": 0.0,
    }


class TestDiverseConformance(RecommenderConformance):
    component = LLMSeqSimPopularity
    learns = "dropping neighbours of what it recommends"
    config: ClassVar[dict[str, Any]] = {
        "embedder": "lsa",
        "reduced": False,
        "mode": "both",
        "popularity_quantile": 0.25,
        "diversity_quantile": 0.9,
    }


def counted(*counts: int) -> GivenBench:
    return replace(bench(VECTORS), item_counts=np.array(counts))


def popular(given: GivenBench, **values: Any) -> Any:
    return fitted(LLMSeqSimPopularity, given, reduced=False, **values)


def test_unpopular_items_go_and_the_best_of_them_fill_up() -> None:
    # The median of 6, 1, 5, 2, 4, 3 is 3.5: items 2 and 4 stay (and the prompt itself).
    model = popular(counted(6, 1, 5, 2, 4, 3))
    assert listed(model, [0], 2) == [2, 4]
    assert listed(model, [0], 4) == [2, 4, 1, 3]


@pytest.mark.parametrize("mode", ["popularity", "diversity", "both"])
def test_a_list_of_any_length_begins_the_longer_ones(mode: str) -> None:
    rng = np.random.default_rng(5)
    given = replace(bench(rng.normal(size=(400, 4)).tolist()), item_counts=rng.permutation(400))
    model = popular(given, mode=mode, popularity_quantile=0.75, diversity_quantile=0.9)
    prompts = Sessions.from_lists(rng.integers(0, 400, (30, 3)).tolist())
    longest = model.recommend(prompts, 90).items
    for k in (1, 10, 20, 21, 40, 70):
        assert (model.recommend(prompts, k).items == longest[:, :k]).all()
    # The first 20 are made of LLMSeqSim's best 100, as the paper's.
    listed = model._similar.recommend(prompts, 100).items
    assert all(set(longest[row, :20]) <= set(listed[row]) for row in range(30))


def test_items_at_the_threshold_stay() -> None:
    model = popular(counted(1, 1, 1, 1, 1, 2))
    assert listed(model, [0]) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("quantile", "first"), [(0.25, [2, 4, 5]), (0.75, [2])])
def test_quantiles_are_over_items(quantile: float, first: list[int]) -> None:
    # 25 % of 1, 2, 3, 4, 5, 6 is 2.25, 75 % is 4.75.
    model = popular(counted(6, 1, 5, 2, 4, 3), popularity_quantile=quantile)
    assert listed(model, [0], len(first)) == first


def test_popularity_counts_sessions_where_the_bench_knows_them() -> None:
    given = replace(counted(9, 9, 1, 1, 1, 1), session_counts=np.array([1, 1, 1, 1, 9, 9]))
    assert listed(popular(given, popularity_quantile=0.75), [0], 2) == [4, 5]


def test_scores_are_by_place() -> None:
    found = popular(counted(6, 1, 5, 2, 4, 3)).recommend(Sessions.from_lists([[0]]), 7)
    assert found.scores[0, :5] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert np.isneginf(found.scores[0, 5:]).all()


def test_similar_items_go_going_down_the_list() -> None:
    model = popular(counted(*[1] * 6), mode="diversity")
    model._limit = cos(radians(15))
    # 2 is 10 degrees from 1; 4 is 10 from 3; 5 is 30 from 4, which did not stay anyway.
    assert listed(model, [0], 3) == [1, 3, 5]
    assert listed(model, [0]) == [1, 3, 5, 2, 4]


def test_what_went_makes_room_for_what_is_similar_to_it() -> None:
    model = popular(counted(*[1] * 6), mode="diversity")
    model._limit = cos(radians(25))
    # 2 goes for 1; 3 is 20 degrees from 2, but 30 from 1, and stays.
    assert listed(model, [0], 2) == [1, 3]


def test_both_filter_by_popularity_first() -> None:
    model = popular(counted(9, 0, 9, 9, 9, 9), mode="both", popularity_quantile=0.5)
    model._limit = cos(radians(15))
    # Unpopular 1 goes, so 2 stays although it is similar to 1.
    assert listed(model, [0]) == [2, 3, 5, 1, 4]


def test_diversity_quantiles_are_those_of_all_pairs() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(60, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    every = (vectors @ vectors.T)[~np.eye(60, dtype=bool)]
    vectors = np.concatenate((vectors, np.zeros((3, 5), dtype=np.float32)))  # untitled: left out
    for quantile in (0.25, 0.75):
        found = _quantile(vectors, quantile, np.random.default_rng(0))
        assert found == pytest.approx(np.quantile(every, quantile), abs=0.01)


def test_llm_seq_sim_is_asked_for_what_is_configured() -> None:
    given = bench(VECTORS, lsa=VECTORS)
    fitted(LLMSeqSimPopularity, given, embedder="lsa", mode="diversity")
    assert given.asked == [("lsa", "pca", 256, "catalog"), ("lsa", None, None, "catalog")]


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    given = bench(rng.normal(size=(300, 8)).tolist())
    model = popular(given, mode="both", diversity_quantile=0.75)
    prompts = Sessions.from_lists(rng.integers(0, 300, (40, 3)).tolist())
    whole = model.recommend(prompts, 20).items
    monkeypatch.setattr("benchkit_plugins.recommenders.llm_seq_sim_popularity._BATCH", 1)
    assert (model.recommend(prompts, 20).items == whole).all()
