"""Gini index of exposure."""

from __future__ import annotations

import numpy as np

from benchkit import Metric, RankedLists, hookimpl
from benchkit.contracts.arrays import Float64


class Gini(Metric):
    """How unevenly places in the lists are spread over the catalog: 0 evenly, near 1 on one item.

    Items that nobody is shown count, so a list that is the same for everybody scores near 1.
    """

    name = "gini"
    source = "Fleder and Hosanagar, Blockbuster culture's next rise or fall, 2009"
    higher_is_better = False
    bounds = (0.0, 1.0)
    formula = "sum over i of (2i - n - 1) x_i / (n sum x), x: ascending exposures of the n items"
    ours = True

    def values(self, lists: RankedLists, k: int) -> None:
        """Return None: exposure belongs to all lists together."""

    def summary(self, lists: RankedLists, k: int, values: Float64 | None) -> float:  # noqa: ARG002
        """Return the index over all items of the catalog.

        Raises:
            ValueError: no list has an item, so there is nothing to be spread.
        """
        items = len(lists.catalog)
        shown = lists.items.T[:k].ravel() + 1
        exposure = np.sort(np.bincount(shown, minlength=items + 1)[1:])
        if not exposure.any():
            raise ValueError("nothing is recommended, so there is no exposure to spread")
        weights = 2.0 * np.arange(1, items + 1) - items - 1
        return float(weights @ exposure / (items * exposure.sum()))


@hookimpl
def benchkit_metrics() -> list[type[Metric]]:
    return [Gini]
