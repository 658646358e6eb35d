"""Novelty."""

from __future__ import annotations

import numpy as np

from benchkit import Metric, RankedLists, hookimpl
from benchkit.contracts.arrays import Float64


class Novelty(Metric):
    """How rare the recommended items are: their mean self-information, in bits.

    Counts are over the complete data in `--protocol paper`, as the authors count, and over
    training data in `strict`, where an item that training never sees is taken to occur once.
    The mean is over the items that a list has; an empty list has novelty 0.
    """

    name = "novelty"
    column = 6
    source = "paper 7.1.2"
    higher_is_better = True
    bounds = (0.0, float("inf"))
    formula = "mean over prompts of the mean over the top k of -log2(count / all interactions)"

    def values(self, lists: RankedLists, k: int) -> Float64:
        total = max(int(lists.item_counts.sum()), 1)
        return lists.mean_of(np.log2(total / np.maximum(lists.item_counts, 1)), k)


@hookimpl
def benchkit_metrics() -> list[type[Metric]]:
    return [Novelty]
