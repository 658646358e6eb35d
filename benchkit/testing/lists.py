"""Verdicts on recommended lists: whether they are well formed, whether two sets agree."""

from __future__ import annotations

import numpy as np

from benchkit.contracts.recommender import Recommendations
from benchkit.testing import samples
from benchkit.testing.checks import Array, require


def require_lists(lists: Recommendations, prompts: int, k: int) -> None:
    """Fail unless lists are as `Recommendations` says."""
    right = isinstance(lists, Recommendations)
    require(right, f"it must return Recommendations, not {type(lists).__name__}")
    problem = lists.problem(prompts, k, samples.ITEMS)
    require(not problem, f"it returned {problem}")
    require(np.isneginf(lists.scores[lists.items < 0]).all(), "padding must score -inf")


def require_same_lists(what: str, one: Recommendations, other: Recommendations) -> None:
    """Fail unless two sets of whole lists agree.

    Items may change places only where rounding decides: their scores are close, but not exactly
    equal in both sets (the order among exact ties must not depend on anything else).
    """
    require(one.items.shape == other.items.shape, f"{what}: the lists have different shapes")
    for prompt in range(len(one.items)):
        left, right = _scores(one, prompt), _scores(other, prompt)
        require(set(left) == set(right), f"{what}: prompt {prompt} gets other items")
        for item, score in left.items():
            require(
                np.isclose(score, right[item], rtol=1e-4, atol=1e-6),
                f"{what}: prompt {prompt} scores item {item} {score:.6g}, then {right[item]:.6g}",
            )
        for a, b in zip(left, right, strict=True):
            tied = left[a] == left[b] and right[a] == right[b]
            require(
                a == b or not tied,
                f"{what}: prompt {prompt} ranks items {a} and {b}, equal in score, the other way "
                "round; order ties as benchkit.toolkit.ranking.top_k does",
            )


def ascending(lists: Recommendations, worth: Array) -> tuple[int, int]:
    """Return in how many neighbouring pairs of equal score the worth ascends, of how many.

    Args:
        lists: any.
        worth: of each item, ``[items]``; pairs of equal worth do not count.
    """
    equal = (lists.scores[:, 1:] == lists.scores[:, :-1]) & (lists.items[:, 1:] >= 0)
    first, second = worth[lists.items[:, :-1][equal]], worth[lists.items[:, 1:][equal]]
    return int((first < second).sum()), int((first != second).sum())


def _scores(lists: Recommendations, prompt: int) -> dict[int, float]:
    """Return the items of one list with their scores, best first."""
    items, scores = lists.items[prompt].tolist(), lists.scores[prompt].tolist()
    return {item: score for item, score in zip(items, scores, strict=True) if item >= 0}
