"""Average popularity of what is recommended."""

from __future__ import annotations

import numpy as np

from benchkit import Metric, RankedLists, hookimpl
from benchkit.contracts.arrays import Float64


class AveragePopularity(Metric):
    """How often the recommended items occur in the data, on average.

    It shows a bias towards popular items in plain numbers, where novelty takes logarithms.
    Neither end is good in itself. Counts are those of novelty; an empty list has 0.
    """

    name = "average-popularity"
    source = "Yin et al., Challenging the long tail recommendation, VLDB 2012"
    higher_is_better = None
    bounds = (0.0, float("inf"))
    formula = "mean over prompts of the mean over the top k of count(item)"
    ours = True

    def values(self, lists: RankedLists, k: int) -> Float64:
        return lists.mean_of(lists.item_counts.astype(np.float64), k)


@hookimpl
def benchkit_metrics() -> list[type[Metric]]:
    return [AveragePopularity]
