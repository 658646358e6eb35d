"""Normalised discounted cumulative gain."""

from __future__ import annotations

import numpy as np

from benchkit import Metric, hookimpl
from benchkit.contracts.arrays import Float64


class NDCG(Metric):
    """How high the truth stands in the list, discounted by the logarithm of its rank.

    There is one relevant item a prompt, so the ideal gain is 1 and nothing is left to normalise.
    """

    name = "ndcg"
    column = 1
    source = "paper 7.1.2"
    higher_is_better = True
    bounds = (0.0, 1.0)
    formula = "mean over prompts of 1 / log2(rank + 1), 0 where the truth is not in the top k"

    def gains(self, k: int) -> Float64:
        """Return the discount of each rank, ``float64[k]``."""
        return 1.0 / np.log2(np.arange(2, k + 2))


@hookimpl
def benchkit_metrics() -> list[type[Metric]]:
    return [NDCG]
