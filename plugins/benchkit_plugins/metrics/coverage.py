"""Catalog coverage."""

from __future__ import annotations

import numpy as np

from benchkit import Metric, RankedLists, hookimpl
from benchkit.contracts.arrays import Float64


class Coverage(Metric):
    """Share of the catalog that is recommended to anybody.

    The catalog is all items of the prepared data, those that training never sees included.
    """

    name = "coverage"
    column = 4
    source = "paper 7.1.2"
    higher_is_better = True
    bounds = (0.0, 1.0)
    formula = "distinct items in the top k of all lists / items in the catalog"

    def values(self, lists: RankedLists, k: int) -> None:
        """Return None: coverage belongs to all lists together."""

    def summary(self, lists: RankedLists, k: int, values: Float64 | None) -> float:  # noqa: ARG002
        """Return the covered share, 0 for an empty catalog."""
        covered = int(np.count_nonzero(lists.first_places < min(k, lists.items.shape[1])))
        return covered / max(len(lists.catalog), 1)


@hookimpl
def benchkit_metrics() -> list[type[Metric]]:
    return [Coverage]
