"""Mean reciprocal rank."""

from __future__ import annotations

import numpy as np

from benchkit import Metric, hookimpl
from benchkit.contracts.arrays import Float64


class MRR(Metric):
    """How high the truth stands in the list, as the reciprocal of its rank."""

    name = "mrr"
    column = 3
    source = "paper 7.1.2"
    higher_is_better = True
    bounds = (0.0, 1.0)
    formula = "mean over prompts of 1 / rank, 0 where the truth is not in the top k"

    def gains(self, k: int) -> Float64:
        """Return the reciprocal of each rank, ``float64[k]``."""
        return 1.0 / np.arange(1, k + 1)


@hookimpl
def benchkit_metrics() -> list[type[Metric]]:
    return [MRR]
