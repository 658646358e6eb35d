"""Serendipity."""

from __future__ import annotations

import numpy as np

from benchkit import Metric, RankedLists, hookimpl
from benchkit.contracts.arrays import Float64


class Serendipity(Metric):
    """Share of prompts that are hit with an item that popularity alone would not have found.

    A hit counts when its item is not among the `k` most frequent ones. Prompts with a popular
    truth stay in the denominator, so serendipity never exceeds the hit rate.
    """

    name = "serendipity"
    column = 5
    source = "paper 7.1.2"
    higher_is_better = True
    bounds = (0.0, 1.0)
    formula = "mean over prompts of [truth in the top k, not among the k most frequent items]"

    def values(self, lists: RankedLists, k: int) -> Float64:
        surprising = np.ones(len(lists.item_counts) + 1)  # one more for the truth -1
        surprising[lists.by_popularity[:k]] = 0.0
        return lists.by_rank(np.ones(k)) * surprising.take(lists.truth)


@hookimpl
def benchkit_metrics() -> list[type[Metric]]:
    return [Serendipity]
