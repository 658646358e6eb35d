"""Hit rate."""

from __future__ import annotations

import numpy as np

from benchkit import Metric, hookimpl
from benchkit.contracts.arrays import Float64


class HitRate(Metric):
    """Share of prompts whose truth is in the list."""

    name = "hr"
    column = 2
    source = "paper 7.1.2"
    higher_is_better = True
    bounds = (0.0, 1.0)
    formula = "mean over prompts of [truth in the top k]"

    def gains(self, k: int) -> Float64:
        """Return 1 for every rank, ``float64[k]``."""
        return np.ones(k)


@hookimpl
def benchkit_metrics() -> list[type[Metric]]:
    return [HitRate]
