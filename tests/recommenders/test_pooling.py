"""Session embeddings, on weights worked by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchkit import Sessions
from benchkit_plugins.recommenders.similarity.pooling import POOLINGS, Pooling, pool, weights

# Weights of a session of four items, the first to the last (d = 4, 3, 2, 1).
BY_HAND: dict[str, list[float]] = {
    "mean": [1, 1, 1, 1],
    "last": [0, 0, 0, 1],
    "constant-linear": [0.7, 0.8, 0.9, 1],
    "scaling-linear": [1 / 4, 2 / 4, 3 / 4, 1],
    "scaling-quadratic": [1 / 16, 4 / 16, 9 / 16, 1],
    "scaling-cubic": [1 / 64, 8 / 64, 27 / 64, 1],
    "log": [1 / (log(4) + 1), 1 / (log(3) + 1), 1 / (log(2) + 1), 1],
    "harmonic": [1 / 4, 1 / 3, 1 / 2, 1],
    "squared-harmonic": [1 / 16, 1 / 9, 1 / 4, 1],
}
SESSIONS = st.lists(st.lists(st.integers(0, 5), max_size=14), min_size=1, max_size=6)


def test_all_are_worked_by_hand() -> None:
    assert set(BY_HAND) == set(POOLINGS)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_weights(pooling: Pooling) -> None:
    # Sessions on either side do not matter.
    found = weights(Sessions.from_lists([[5, 5], [0, 1, 2, 3], [], [7]]), pooling)
    assert found[2:6] == pytest.approx(BY_HAND[pooling])
    assert found[6] == 1


def test_linear_weights_never_reach_zero() -> None:
    found = weights(Sessions.from_lists([list(range(13))]), "constant-linear")
    assert found[:4] == pytest.approx([1e-5, 1e-5, 1e-5, 0.1])
    long = weights(Sessions.from_lists([[0] * 200_000]), "scaling-linear")
    assert long[0] == 1e-5


@pytest.mark.parametrize("pooling", POOLINGS)
def test_embeddings_are_averages(pooling: Pooling) -> None:
    vectors = np.eye(4, dtype=np.float32)
    shares = np.array(BY_HAND[pooling]) / sum(BY_HAND[pooling])
    found = pool(Sessions.from_lists([[0, 1, 2, 3]]), vectors, np.ones(4, dtype=bool), pooling)
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(shares, abs=1e-7)


def test_repeated_items_count_each_time() -> None:
    vectors = np.array([[1, 0], [0, 1]], dtype=np.float32)
    found = pool(Sessions.from_lists([[0, 0, 1]]), vectors, np.ones(2, dtype=bool), "harmonic")
    assert found[0] == pytest.approx(np.array([5 / 6, 1]) / (11 / 6))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_items_without_embedding_are_passed_over(pooling: Pooling) -> None:
    vectors = np.array([[1, 0], [0, 0], [0, 1]], dtype=np.float32)
    present = np.any(vectors != 0, axis=1)
    found = pool(Sessions.from_lists([[0, 2], [0, 1, 2, 1], [1]]), vectors, present, pooling)
    assert (found[0] == found[1]).all()
    assert not found[2].any()


def test_sessions_without_items_have_no_embedding() -> None:
    vectors = np.ones((1, 3), dtype=np.float32)
    assert not pool(Sessions.from_lists([[]]), vectors, np.ones(1, dtype=bool), "mean").any()
    assert pool(Sessions.from_lists([]), vectors, np.ones(1, dtype=bool), "mean").shape == (0, 3)


@given(SESSIONS, st.sampled_from(POOLINGS))
def test_together_as_alone_and_as_numpy_averages(rows: list[list[int]], pooling: Pooling) -> None:
    vectors = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    vectors[4] = 0
    sessions, present = Sessions.from_lists(rows), np.arange(6) != 4
    together = pool(sessions, vectors, present, pooling)
    for row, items in enumerate(rows):
        alone = pool(sessions.between(row, row + 1), vectors, present, pooling)
        assert (together[row] == alone[0]).all()
        known = [item for item in items if item != 4]
        if known:
            shares = weights(Sessions.from_lists([known]), pooling)
            expected = np.average(vectors[known], axis=0, weights=shares)
            assert together[row] == pytest.approx(expected, abs=1e-5)
