"""LLMSeqSim, on embeddings of two dimensions."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchkit import Sessions
from benchkit.contracts.errors import ConfigError
from benchkit_plugins.recommenders.llm_seq_sim import LLMSeqSim
from benchkit_plugins.recommenders.similarity.search import SimilarItems, dots
from tests.conforming import RecommenderConformance
from tests.recommenders.embedding import bench, fitted, listed
from tests.recommenders.naive import in_tie_order

# Angles 0, 90, 45, 180 degrees; item 4 has no text, item 5 is item 2 at another length.
VECTORS = [[1, 0], [0, 3], [1, 1], [-2, 0], [0, 0], [5, 5]]


class TestConformance(RecommenderConformance):
    component = LLMSeqSim
    config: ClassVar[dict[str, Any]] = {"embedder": "lsa", "reducer": None}


@pytest.mark.parametrize(
    ("similarity", "first", "second"),
    [
        # The prompt 0, 1 pools to (1/3, 2/3) by harmonic weights, whatever the vectors' lengths.
        ("cosine", 3 / sqrt(10), 3 / sqrt(10)),
        ("dot", 1 / sqrt(2), 1 / sqrt(2)),
        ("euclidean", 1 / (1 + sqrt(5 / 9 + 1 - sqrt(2))), 1 / (1 + sqrt(5 / 9 + 1 - sqrt(2)))),
    ],
)
def test_similarities(similarity: str, first: float, second: float) -> None:
    model = fitted(LLMSeqSim, bench(VECTORS), reducer=None, similarity=similarity)
    found = model.recommend(Sessions.from_lists([[0, 1]]), 2)
    assert found.items.tolist() == [in_tie_order([0, 1], [2, 5])]
    assert found.scores[0] == pytest.approx([first, second], rel=1e-6)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_lists_are_in_the_order_of_similarity(similarity: str) -> None:
    model = fitted(LLMSeqSim, bench(VECTORS), reducer=None, similarity=similarity)
    assert listed(model, [0]) == [*in_tie_order([0], [2, 5]), 1, 3]


def test_items_without_text_are_never_recommended() -> None:
    model = fitted(LLMSeqSim, bench(VECTORS), reducer=None, exclude_seen="none")
    assert 4 not in listed(model, [0, 4])


def test_items_without_text_are_passed_over_in_prompts() -> None:
    model = fitted(LLMSeqSim, bench(VECTORS), reducer=None, pooling="last")
    assert listed(model, [1, 4]) == [*in_tie_order([1, 4], [2, 5]), *in_tie_order([1, 4], [0, 3])]


@pytest.mark.parametrize("prompt", [[], [4], [4, 4]])
@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_nothing_known_gives_no_list(prompt: list[int], similarity: str) -> None:
    model = fitted(LLMSeqSim, bench(VECTORS), reducer=None, similarity=similarity)
    found = model.recommend(Sessions.from_lists([prompt]), 3)
    assert (found.items == -1).all()
    assert np.isneginf(found.scores).all()


@pytest.mark.parametrize(
    ("exclude_seen", "expected"),
    [("none", {1, 2, 5, 0, 3}), ("read", {2, 5, 0, 3}), ("prompt", {2, 5, 3})],
)
def test_exclusion_of_seen_items(exclude_seen: str, expected: set[int]) -> None:
    model = fitted(
        LLMSeqSim, bench(VECTORS), reducer=None, last_n_items=1, exclude_seen=exclude_seen
    )
    assert set(listed(model, [0, 1])) == expected


def test_untrained_items_are_candidates() -> None:
    model = fitted(LLMSeqSim, bench(VECTORS, train=[[3]]), reducer=None)
    assert set(listed(model, [0])) == {1, 2, 3, 5}


def test_equal_embeddings_are_ordered_by_prompt_and_item_alone() -> None:
    same = [[1, 0]] * 4
    model = fitted(LLMSeqSim, bench(same, train=[[3], [3], [1]]), reducer=None)
    assert listed(model, [0]) == in_tie_order([0], [1, 2, 3])


def test_the_bench_is_asked_for_reduced_embeddings_of_the_catalog() -> None:
    given_bench = bench(VECTORS)
    fitted(LLMSeqSim, given_bench, reducer="pca", dim=1)
    assert given_bench.asked == [("minilm", "pca", 1, "catalog")]


def test_presets_name_no_paid_embedder() -> None:
    for family, values in LLMSeqSim.presets.items():
        config = LLMSeqSim.Config.create(values, "llm-seq-sim").as_dict()
        assert config["embedder"] == "minilm", family
        assert (config["reducer"], config["dim"]) == ("pca", 512)


@pytest.mark.parametrize("values", [{"pooling": "linear"}, {"similarity": "l1"}, {"dim": 0}])
def test_impossible_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        LLMSeqSim.Config.create(values, "llm-seq-sim")


@given(
    st.lists(st.lists(st.integers(0, 39), max_size=6), min_size=1, max_size=12),
    st.integers(1, 45),
    st.integers(0, 2**20),
    st.integers(1, 3),
)
def test_as_naive_and_in_any_batch(prompts: list[list[int]], k: int, seed: int, batch: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(40, 3)).astype(np.float32)
    vectors[rng.integers(0, 40, 9)] = vectors[rng.integers(0, 40, 9)]  # equal embeddings
    vectors[rng.integers(0, 40, 3)] = 0
    model = fitted(LLMSeqSim, bench(vectors.tolist()), reducer=None, pooling="mean")
    sessions = Sessions.from_lists(prompts)
    found = model.recommend(sessions, k)
    for row, prompt in enumerate(prompts):
        expected = naive(vectors.astype(np.float64), prompt, k)
        items = found.items[row][found.items[row] >= 0].tolist()
        assert found.scores[row][: len(items)] == pytest.approx(
            [score for _, score in expected], abs=1e-5
        )
        scores = dict(naive(vectors.astype(np.float64), prompt, 40))
        assert len(items) == len(expected)
        assert [scores[item] for item in items] == pytest.approx(
            [score for _, score in expected], abs=1e-5
        )
    model.items.batch = batch
    again = model.recommend(sessions, k)
    assert (again.items == found.items).all()
    assert (again.scores == found.scores).all()


def naive(vectors: Any, prompt: list[int], k: int) -> list[tuple[int, float]]:
    units: list[Any] = [v / np.linalg.norm(v) if v.any() else None for v in vectors]
    known = [units[item] for item in prompt if units[item] is not None]
    if not known:
        return []
    pooled = np.mean(known, axis=0)
    if np.linalg.norm(pooled) < 1e-6:
        return []
    scores = [
        (item, float(pooled @ unit / np.linalg.norm(pooled)))
        for item, unit in enumerate(units)
        if unit is not None and item not in prompt
    ]
    return sorted(scores, key=lambda pair: -pair[1])[:k]


def test_equal_embeddings_score_equally_wherever_they_stand() -> None:
    # A matrix product adds up differently at its edges.
    rng = np.random.default_rng(0)
    vectors = np.tile(rng.normal(size=(1, 97)).astype(np.float32), (203, 1))
    items = SimilarItems(vectors)
    queries = rng.normal(size=(5, 97)).astype(np.float32)
    ties, nothing = np.arange(5, dtype=np.uint64), Sessions.from_lists([[]] * 5)
    found = items.best(queries, 203, ties, nothing, "cosine")
    assert (found.scores == found.scores[:, :1]).all()


def test_dots_of_pairs() -> None:
    left, right = np.eye(3, dtype=np.float32) * 2, np.arange(9, dtype=np.float32).reshape(3, 3)
    rows, columns = np.array([0, 2, 2]), np.array([1, 0, 2])
    assert dots(left, rows, right, columns).tolist() == [6, 4, 16]
