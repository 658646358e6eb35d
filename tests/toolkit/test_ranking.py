"""From scores to lists: order, ties, exclusion, short lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchkit.contracts.arrays import UInt64
from benchkit.contracts.errors import PluginError
from benchkit.contracts.recommender import ExcludeSeen, Recommendations
from benchkit.contracts.sessions import Sessions
from benchkit.toolkit.arrays import mix
from benchkit.toolkit.ranking import (
    contenders,
    excluded,
    kth_largest,
    tie_keys,
    top_k,
    top_k_of,
)

NONE, NOWHERE = -1, -np.inf
NOTHING = Sessions.from_lists([[]])


def scattered(dense: np.ndarray, k: int, ties: UInt64, exclude: Sessions) -> Recommendations:
    """Ask `top_k_of` for what `top_k` is asked for, the candidates in any order."""
    rows, codes = np.nonzero(dense != -np.inf)
    order = np.random.default_rng(0).permutation(len(rows))
    rows, codes = rows[order], codes[order]
    scores, items = dense[rows, codes], codes.astype(np.int32)
    return top_k_of(rows, items, scores, k, ties, exclude=exclude)


def places(key: int, items: list[int]) -> list[int]:
    """Return the items in the order in which a prompt of this key lists equals."""
    hashes = mix(np.uint64(key) ^ np.array(items, dtype=np.uint64))
    return [item for _, item in sorted(zip(hashes.tolist(), items, strict=True))]


def test_equals_are_ordered_by_prompt_item_and_seed_alone() -> None:
    prompts = Sessions.from_lists([[3, 1], [1, 3], [3, 1], [], *([n] for n in range(996))])
    keys = tie_keys(prompts, seed=7)
    assert keys[0] == keys[2] == tie_keys(prompts.between(2, 3), seed=7)[0]
    assert len({*keys[[0, 1, 3]].tolist(), int(tie_keys(prompts, seed=8)[0])}) == 4
    first = top_k(np.zeros((1000, 5), dtype=np.float32), 1, keys, NOTHING.take(np.zeros(1000, int)))
    # Each of five equals wins a fifth: 200 of 1000 prompts, give or take five standard errors.
    assert (np.abs(np.bincount(first.items[:, 0], minlength=5) - 200) < 64).all()


@pytest.mark.parametrize("k", [1, 3, 9])
def test_what_is_not_a_number_is_refused(k: int) -> None:
    scores = np.ones((2, 9), dtype=np.float32)
    scores[1, 4] = np.nan
    keys, exclude = np.zeros(2, dtype=np.uint64), NOTHING.take(np.zeros(2, int))
    for ranking in (top_k, scattered):
        with pytest.raises(PluginError, match="not a number"):
            ranking(scores.copy(), k, keys, exclude)


def test_best_first_with_ties_and_exclusions_by_hand() -> None:
    scores = np.array([[1, 5, 5, 2], [7, -np.inf, 7, 7]], dtype=np.float32)
    ties, exclude = np.array([11, 12], dtype=np.uint64), Sessions.from_lists([[3], [0, 0]])
    for found in (scattered(scores, 3, ties, exclude), top_k(scores.copy(), 3, ties, exclude)):
        assert found.items.tolist() == [[*places(11, [1, 2]), 0], [*places(12, [2, 3]), NONE]]
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
    keys = st.lists(st.integers(0, 2**64 - 1), min_size=len(scores), max_size=len(scores))
    ties = np.array(data.draw(keys), dtype=np.uint64)
    exclude = Sessions.from_lists(seen)
    lists = [scattered(dense, k, ties, exclude), top_k(dense.copy(), k, ties, exclude)]
    for row, values in enumerate(scores):
        kept = [i for i in range(6) if values[i] > NOWHERE and i not in seen[row]]
        best = sorted(places(int(ties[row]), kept), key=lambda i: -values[i])[:k]
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
