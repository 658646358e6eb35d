"""Metrics: from ranked lists to one value a prompt and one summary."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchkit.contracts.arrays import Float64, Int32, Int64
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.component import Component

Places = npt.NDArray[np.unsignedinteger[Any]]


def truth_ranks(items: Int32, truth: Int32) -> Int32:
    """Return the rank of the truth in each list, from 1; 0 where it is missing.

    Args:
        items: item codes best first, ``int32[prompts, depth]``, -1 behind the end.
        truth: the withheld item of each prompt, ``int32[prompts]``; -1 is in no list.

    Returns:
        ``int32[prompts]``.
    """
    wanted: Int32 = np.where(truth >= 0, truth, -2)  # -1 would equal the empty places
    passed = np.zeros(len(wanted), dtype=np.min_scalar_type(items.shape[1]))
    missing = np.ones(len(wanted), dtype=bool)
    for codes in items.T:
        missing &= codes != wanted
        passed += missing.view(np.uint8)
    ranks = passed.astype(np.int32) + 1
    ranks[missing] = 0
    return ranks


@dataclass(frozen=True, eq=False)
class RankedLists:
    """What metrics measure: lists without duplicates beside the ground truth.

    `benchkit.evaluation.measure` lays `items` out place by place (Fortran order), so that `items.T`
    is contiguous and arithmetic over it handles thousands of prompts at once. Read-only.

    Attributes:
        items: item codes best first, ``int32[prompts, depth]``, -1 behind the end.
        truth: the withheld item of each prompt, ``int32[prompts]``; -1 is hit by no list.
        item_counts: how often each item occurs in the data that the protocol counts,
            ``int64[items]``; 0 for an item that does not occur there.
        catalog: the items.
    """

    items: Int32
    truth: Int32
    item_counts: Int64
    catalog: Catalog
    # Sums over the first places, so that a larger cutoff goes on where a smaller one ended.
    _sums: dict[bytes, tuple[int, Float64]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def ranks(self) -> Int32:
        """Rank of the truth in each list, from 1; 0 where it is missing, ``int32[prompts]``."""
        return truth_ranks(self.items, self.truth)

    @cached_property
    def lengths(self) -> Int32:
        """Number of items in each list, ``int32[prompts]``."""
        depth = self.items.shape[1]
        if depth and len(self.items) and self.items[:, -1].min() >= 0:
            return np.full(len(self.items), depth, dtype=np.int32)
        lengths: Int32 = np.count_nonzero(self.items >= 0, axis=1).astype(np.int32)
        return lengths

    @cached_property
    def by_popularity(self) -> Int64:
        """Item codes, most frequent first, ties by code, ``int64[items]``."""
        return np.argsort(-self.item_counts, kind="stable")

    @cached_property
    def first_places(self) -> Places:
        """Best place, from 0, that each item takes in any list; `depth` where it takes none.

        Unsigned ``[items]``: an item is recommended at cutoff `k` when its place is below `k`.
        """
        depth = self.items.shape[1]
        places = np.full(len(self.item_counts) + 1, depth, dtype=np.min_scalar_type(depth))
        for place in range(depth - 1, -1, -1):
            places[self.items[:, place].astype(np.intp)] = place
        return places[:-1]  # the last one is that of the empty places, -1

    def by_rank(self, gains: Float64) -> Float64:
        """Return ``gains[rank - 1]`` for each prompt, 0 where the truth ranks below or nowhere.

        Args:
            gains: worth of each rank up to the cutoff, ``float64[k]``.
        """
        depth = self.items.shape[1]
        table = np.zeros(depth + 1)
        table[1 : len(gains) + 1] = gains[:depth]
        return table.take(self.ranks, mode="wrap")

    def mean_of(self, worth: Float64, k: int) -> Float64:
        """Return the mean of `worth` over each list's first `k` items, 0 for an empty list.

        Args:
            worth: value of each item, ``float64[items]``.
            k: cutoff.
        """
        table = np.append(worth, 0.0)  # what the empty places, -1, read
        key = worth.tobytes()
        begun, total = self._sums.get(key, (0, np.zeros(len(self.items))))
        if begun > k:
            begun, total = 0, np.zeros(len(self.items))
        total = total.copy()
        for place in self.items.T[begun:k]:
            total += table.take(place, mode="wrap")  # no bounds to check, so half the time
        self._sums[key] = (k, total)
        return total / np.clip(self.lengths, 1, k)


class Metric(Component):
    """Base of every metric.

    Attributes:
        higher_is_better: direction; None where neither end is good in itself.
        bounds: smallest and largest possible summary.
        formula: the definition, in one line.
        ours: whether it is an addition of benchkit's that the paper does not report.
        column: place among a table's columns; the metric with the smallest sorts the table.
    """

    kind: ClassVar[str] = "metric"
    higher_is_better: ClassVar[bool | None]
    bounds: ClassVar[tuple[float, float]]
    formula: ClassVar[str]
    ours: ClassVar[bool] = False
    column: ClassVar[int] = 100

    def gains(self, k: int) -> Float64 | None:  # noqa: ARG002
        """Return the worth of each rank of the truth up to `k`, ``float64[k]``.

        None, the default, where the truth's rank alone does not decide the metric. One that has
        gains needs no `values`, and leaderboards test which of its figures can be told apart.
        """
        return None

    def values(self, lists: RankedLists, k: int) -> Float64 | None:
        """Return one value a prompt at cutoff `k`, ``float64[prompts]``.

        By default the gain of the truth's rank. None where the metric is defined over all prompts
        together only. Empty lists count.
        """
        gains = self.gains(k)
        return None if gains is None else lists.by_rank(gains)

    def summary(self, lists: RankedLists, k: int, values: Float64 | None) -> float:  # noqa: ARG002
        """Return the metric at cutoff `k` over all prompts: by default the mean of `values`.

        Raises:
            ValueError: it is undefined where no list has an item; the message says why.
        """
        if values is None:
            raise NotImplementedError(f"{self.name} has neither values nor a summary of its own")
        return float(values.mean()) if len(values) else 0.0


def outside(value: float, bounds: tuple[float, float]) -> bool:
    """Return whether a figure leaves its metric's bounds by more than rounding explains."""
    low, high = bounds
    slack = 1e-9 * max(1.0, abs(value))
    return not low - slack <= value <= high + slack
