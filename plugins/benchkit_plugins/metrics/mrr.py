"""Mean reciprocal rank."""

from __future__ import annotations

import numpy as np

from benchkit import Metric, RankedLists, hookimpl
from benchkit.contracts.arrays import Float64


class MRR(Metric):
    """How high the truth stands in the list, as the reciprocal of its rank."""

    name = "mrr"
    column = 3
    source = "paper 7.1.2"
    higher_is_better = True
    bounds = (0.0, 1.0)
    formula = "mean over prompts of 1 / rank, 0 where the truth is not in the top k"

    def values(self, lists: RankedLists, k: int) -> Float64:
        return lists.by_rank(1.0 / np.arange(1, k + 1))


@hookimpl
def benchkit_metrics() -> list[type[Metric]]:
    return [MRR]
