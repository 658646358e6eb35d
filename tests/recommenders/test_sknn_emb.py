"""SKNNEmb, on sessions and embeddings worked by hand."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchkit import Sessions
from benchkit_plugins.recommenders.similarity.pooling import weights
from benchkit_plugins.recommenders.sknn import SKNN
from benchkit_plugins.recommenders.sknn_emb import SKNNEmb, _ascending
from tests.conforming import RecommenderConformance
from tests.recommenders.embedding import bench, fitted
from tests.recommenders.fitting import ranked, scores

VECTORS = [[1, 0], [0, 1], [-1, 0], [0, -1], [1, 0], [0, 0]]
TRAIN = [[0, 1], [0, 2, 3], [0, 4]]
PLAIN = {"reducer": None, "pooling": "mean", "training_pooling": "mean", "exclude_seen": "none"}


class TestConformance(RecommenderConformance):
    component = SKNNEmb
    config: ClassVar[dict[str, Any]] = {
        "embedder": "lsa",
        "reducer": None,
        "sample_size": 20,
        "k": 10,
    }


def test_dot_of_session_embeddings() -> None:
    # The prompt is (1, 0); sessions average to (1/2, 1/2), (0, -1/3), (1, 0): the second votes with
    # zero, which is no vote.
    model = fitted(SKNNEmb, bench(VECTORS, TRAIN), similarity="dot", **PLAIN)
    assert dict(ranked(model, [0])) == scores({0: 1.5, 1: 0.5, 4: 1})


def test_cosine_of_session_embeddings() -> None:
    model = fitted(SKNNEmb, bench(VECTORS, TRAIN), similarity="cosine", **PLAIN)
    found = dict(ranked(model, [0, 1]))
    assert found[1] == pytest.approx(1)
    assert found[4] == pytest.approx(1 / sqrt(2))
    assert found[2] == pytest.approx(-1 / sqrt(2))


def test_negative_similarity_counts_against() -> None:
    train = [[0, 2, 2, 2], [0, 4]]
    model = fitted(SKNNEmb, bench(VECTORS, train), similarity="dot", **PLAIN)
    assert ranked(model, [0]) == [(4, 1), (0, 0.5), (2, -0.5)]


def test_the_most_similar_vote_also_among_negative_ones() -> None:
    train = [[0, 2, 2], [0, 2, 2, 2], [0, 1]]
    model = fitted(SKNNEmb, bench(VECTORS, train), similarity="dot", **{**PLAIN, "k": 2})
    assert dict(ranked(model, [0])) == scores({0: 0.5 - 1 / 3, 1: 0.5, 2: -1 / 3})


def test_prompts_and_training_sessions_have_their_own_pooling() -> None:
    values = {**PLAIN, "pooling": "last", "training_pooling": "harmonic"}
    model = fitted(SKNNEmb, bench(VECTORS, TRAIN), similarity="dot", **values)
    # The prompt is (0, 1), the first session (1/2, 1)/1.5.
    assert dict(ranked(model, [0, 1]))[1] == pytest.approx(2 / 3)


def test_candidates_share_an_item() -> None:
    model = fitted(SKNNEmb, bench(VECTORS, [[0, 1], [4, 3]]), similarity="dot", **PLAIN)
    assert set(dict(ranked(model, [0]))) == {0, 1}


def test_untrained_items_are_not_read() -> None:
    model = fitted(SKNNEmb, bench(VECTORS, [[0, 1]]), **PLAIN)
    assert dict(ranked(model, [2, 0, 3])) == dict(ranked(model, [0]))


def test_sequential_weighting_is_that_of_s_sknn() -> None:
    values = {**PLAIN, "sequential_weighting": True}
    model = fitted(SKNNEmb, bench(VECTORS, [[0, 1], [4, 3]]), similarity="dot", **values)
    # Prompt (1, 1)/... : 0, 1, 4 average to (2/3, 1/3); the first session shares place 2 of 3.
    assert dict(ranked(model, [0, 1, 4]))[0] == pytest.approx((1 / 2) * (2 / 3))


def test_sessions_without_text_do_not_vote() -> None:
    model = fitted(SKNNEmb, bench(VECTORS, [[5, 5], [5, 0]]), similarity="dot", **PLAIN)
    assert ranked(model, [5]) == []
    assert dict(ranked(model, [0])) == {5: 1, 0: 1}


def test_reducers_learn_from_trained_items() -> None:
    given_bench = bench(VECTORS, TRAIN)
    fitted(SKNNEmb, given_bench, dim=1)
    assert given_bench.asked == [("minilm", "pca", 1, "train")]


def test_floats_sort_like_their_numbers() -> None:
    values = np.array([-2, -1, -1e-30, -0.0, 0.0, 1e-30, 0.5, 3], dtype=np.float32)
    keys = _ascending(values)
    assert (np.diff(keys.astype(np.int64))[[0, 1, 2, 4, 5, 6]] > 0).all()
    assert keys[3] == keys[4]


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5), min_size=1, max_size=15),
    st.lists(st.integers(0, 9), min_size=1, max_size=5),
    st.sampled_from(["dot", "cosine"]),
    st.integers(1, 6),
)
def test_as_naive(train: list[list[int]], prompt: list[int], similarity: str, k: int) -> None:
    vectors = np.random.default_rng(1).normal(size=(10, 4))
    model = fitted(
        SKNNEmb,
        bench(vectors.tolist(), train),
        similarity=similarity,
        k=k,
        reducer=None,
        exclude_seen="none",
        training_pooling="scaling-linear",
    )
    found = dict(ranked(model, prompt))
    expected = naive(vectors, train, prompt, similarity, k)
    assert found == pytest.approx(expected, abs=1e-5)


def naive(
    vectors: Any, train: list[list[int]], prompt: list[int], similarity: str, k: int
) -> dict[int, float]:
    def embedded(items: list[int], pooling: Any) -> Any:
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        shares = weights(Sessions.from_lists([items]), pooling)
        found = np.average(units[items], axis=0, weights=shares)
        return found / np.linalg.norm(found) if similarity == "cosine" else found

    trained = {item for row in train for item in row}
    read = [item for item in dict.fromkeys(prompt) if item in trained]
    compared = [
        (float(embedded(read, "harmonic") @ embedded(row, "scaling-linear")), place)
        for place, row in enumerate(train)
        if set(row) & set(read)
    ]
    votes: dict[int, float] = {}
    # Of sessions with the same items in the same order, the later is the more recent.
    for value, place in sorted(((round(v, 6), p) for v, p in compared), reverse=True)[:k]:
        for item in set(train[place]):
            votes[item] = votes.get(item, 0.0) + value
    return votes


def test_its_candidates_are_those_of_sknn() -> None:
    train = [[0, item] for item in range(1, 5)] * 3
    one = fitted(SKNNEmb, bench(VECTORS, train), sample_size=4, sampling="recent", **PLAIN)
    other = fitted(SKNN, bench(VECTORS, train), sample_size=4, sampling="recent")
    read = Sessions.from_lists([[0]])
    assert (one.neighbours(read).sessions == other.neighbours(read).sessions).all()
