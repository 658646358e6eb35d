"""From scores to lists: order, ties, exclusion, short lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchkit.contracts.recommender import ExcludeSeen, Recommendations
from benchkit.contracts.sessions import Sessions
from benchkit.ranking import contenders, excluded, kth_largest, tie_order, top_k, top_k_of

NONE, NOWHERE = -1, -np.inf


def scattered(dense: np.ndarray, k: int, ties: np.ndarray, exclude: Sessions) -> Recommendations:
    """Ask `top_k_of` for what `top_k` is asked for, the candidates in any order."""
    rows, codes = np.nonzero(dense > -np.inf)
    order = np.random.default_rng(0).permutation(len(rows))
    rows, codes = rows[order], codes[order]
    scores, items = dense[rows, codes], codes.astype(np.int32)
    return top_k_of(rows, items, scores, k, ties, len(dense), exclude=exclude)


def test_ties_go_by_frequency_then_code() -> None:
    train = Sessions.from_lists([[3, 1, 3], [1, 2]])
    assert tie_order(train, 5).tolist() == [3, 0, 2, 1, 4]


def test_best_first_with_ties_and_exclusions_by_hand() -> None:
    scores = np.array([[1, 5, 5, 2], [7, -np.inf, 7, 7]], dtype=np.float32)
    ties, exclude = np.array([3, 2, 1, 0]), Sessions.from_lists([[3], [0, 0]])
    for found in (scattered(scores, 3, ties, exclude), top_k(scores, 3, ties, exclude)):
        assert found.items.tolist() == [[2, 1, 0], [3, 2, NONE]]
        assert found.scores.tolist() == [[5, 5, 1], [7, 7, NOWHERE]]


@settings(max_examples=150, deadline=None)
@given(
    scores=st.lists(
        st.lists(st.sampled_from([NOWHERE, -1.0, 0.0, 0.5, 2.0]), min_size=6, max_size=6),
        max_size=5,
    ),
    k=st.integers(1, 8),
    data=st.data(),
)
def test_lists_equal_a_plain_sort(scores: list[list[float]], k: int, data: st.DataObject) -> None:
    dense = np.array(scores, dtype=np.float32).reshape(-1, 6)
    seen = [data.draw(st.lists(st.integers(0, 5), max_size=4)) for _ in scores]
    ties = np.array(data.draw(st.permutations(range(6))))
    exclude = Sessions.from_lists(seen)
    lists = [scattered(dense, k, ties, exclude), top_k(dense.copy(), k, ties, exclude)]
    for row, values in enumerate(scores):
        kept = [i for i in range(6) if values[i] > NOWHERE and i not in seen[row]]
        best = sorted(kept, key=lambda i: (-values[i], ties[i]))[:k]
        for found in lists:
            assert found.items[row].tolist() == best + [NONE] * (k - len(best))
            assert found.scores[row, : len(best)].tolist() == [values[i] for i in best]


@pytest.mark.parametrize(
    ("mode", "expected"), [("none", [[], []]), ("read", [[2], []]), ("prompt", [[1, 2], [3]])]
)
def test_what_is_excluded(mode: ExcludeSeen, expected: list[list[int]]) -> None:
    prompts, read = Sessions.from_lists([[1, 2], [3]]), Sessions.from_lists([[2], []])
    found = excluded(prompts, read, mode)
    assert [found[row].tolist() for row in range(2)] == expected


def test_kth_largest_of_ragged_rows() -> None:
    values, offsets = np.array([3, 9, 5, 4, 8, 1]), np.array([0, 3, 3, 4, 6])
    assert kth_largest(values, offsets, 2).tolist() == [5, 0, 4, 1]


@pytest.mark.parametrize(("columns", "k"), [(1, 1), (7, 3), (1000, 3), (1001, 20), (50, 60)])
def test_whatever_reaches_the_kth_best_contends(columns: int, k: int) -> None:
    scores = np.random.default_rng(columns).integers(0, 30, (9, columns)).astype(np.float32)
    scores[2], scores[3, k // 2 :] = -np.inf, -np.inf
    rows, codes = contenders(scores, k, slack=1)
    found = np.zeros(scores.shape, dtype=bool)
    found[rows, codes] = True
    assert found.sum() == len(rows)
    lowest = np.sort(scores, axis=1)[:, -min(k, columns)][:, None] - 1
    assert found[(scores >= lowest) & (scores > -np.inf)].all()
    assert not found[scores == -np.inf].any()
