"""Conformance of metrics.

class TestMyMetric(MetricConformance):
    component = MyMetric
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchkit.contracts.arrays import Float64
from benchkit.contracts.metric import Metric, RankedLists
from benchkit.testing import samples
from benchkit.testing.checks import accepts, guarded, require, require_array, require_close
from benchkit.testing.component import ComponentConformance

K = 10


class MetricConformance(ComponentConformance):
    """Subclass it, name your class `component`, and pytest checks the contract."""

    def test_declares_what_it_is(self) -> None:
        """Direction, bounds and formula are stated."""
        metric = self.component
        require(
            getattr(metric, "higher_is_better", 0) in (True, False, None)
            and hasattr(metric, "higher_is_better"),
            "higher_is_better must be True, False, or None where neither end is good in itself",
        )
        bounds = getattr(metric, "bounds", None)
        require(
            isinstance(bounds, tuple) and len(bounds) == 2 and bounds[0] < bounds[1],
            f"bounds must be the smallest and largest possible summary, not {bounds!r}",
        )
        require(getattr(metric, "formula", ""), "formula must give the definition in one line")

    def test_values_are_one_a_prompt(self) -> None:
        """Values are ``float64[prompts]`` and finite, or None at every cutoff."""
        for lists in _cases():
            values, _ = measure(self.build(), lists, K)
            if values is not None:
                require_array("values", values, np.float64, (len(lists.truth),))
                require(np.isfinite(values).all(), "values must be finite; an empty list counts")

    def test_summary_is_within_bounds(self) -> None:
        """No lists, right, wrong, short or empty, lead out of the declared bounds."""
        low, high = self.component.bounds
        for lists in _cases():
            for k in (1, K, 100):
                _, summary = measure(self.build(), lists, k)
                if summary is None:
                    continue
                require(isinstance(summary, float), f"summary must be a float, not {summary!r}")
                require(
                    low - 1e-9 <= summary <= high + 1e-9,
                    f"summary {summary:g} at {k} is outside the bounds {low:g} to {high:g}",
                )

    def test_no_prompts_are_no_error(self) -> None:
        """Without prompts there are no values; the summary is a number or undefined."""
        empty = samples.lists_of(np.zeros((0, K), np.int32), np.zeros(0, np.int32))
        with accepts("no prompt at all"):
            values, summary = measure(self.build(), empty, K)
        if values is not None:
            require_array("values without prompts", values, np.float64, (0,))
        require(
            summary is None or np.isfinite(summary),
            f"summary without prompts must be finite, not {summary!r}",
        )

    def test_padding_is_no_hit(self) -> None:
        """A truth of -1 is a miss for everybody, also where lists are padded with -1."""
        items = np.full((8, K), -1, dtype=np.int32)
        hopeless = samples.lists_of(items, np.full(8, -1, dtype=np.int32))
        missed = samples.lists_of(items, np.full(8, 3, dtype=np.int32))
        _, one = measure(self.build(), hopeless, K)
        _, other = measure(self.build(), missed, K)
        require(
            _equal(one, other),
            f"empty lists give {one} where the truth is -1 and {other} where it is an item: the "
            "padding -1 counts as a hit, or one of the two is undefined (None)",
        )

    def test_order_of_prompts_does_not_matter(self) -> None:
        """Shuffled prompts shuffle the values and leave the summary."""
        lists = samples.ranked_lists()
        order = np.random.default_rng(0).permutation(len(lists.truth))
        values, summary = measure(self.build(), lists, K)
        shuffled = samples.lists_of(lists.items[order], lists.truth[order])
        others, again = measure(self.build(), shuffled, K)
        require(_equal(summary, again), "the summary depends on the order of the prompts")
        if values is not None and others is not None:
            require_close("values of shuffled prompts", values[order], others)

    def test_only_the_first_k_count(self) -> None:
        """What stands behind the cutoff changes nothing."""
        lists = samples.ranked_lists()
        cut = samples.lists_of(np.ascontiguousarray(lists.items[:, :5]), lists.truth)
        values, summary = measure(self.build(), lists, 5)
        others, again = measure(self.build(), cut, 5)
        require(_equal(summary, again), "the summary depends on items behind the cutoff")
        if values is not None and others is not None:
            require_close("values of lists cut at k", values, others)

    def test_gains_are_the_values(self) -> None:
        """Where there are gains, each value is that of the truth's rank."""
        metric, lists = self.build(), samples.ranked_lists()
        gains = metric.gains(K)
        if gains is not None:
            require_array("gains", gains, np.float64, (K,))
            values, summary = measure(metric, lists, K)
            expected = lists.by_rank(gains)
            if values is None:
                raise AssertionError("there are gains, but no values")
            require_close("values of what has gains", values, expected)
            require(_equal(summary, float(expected.mean())), "the summary is not the values' mean")

    def test_input_is_left_unmodified(self) -> None:
        """Lists are shared by all metrics."""
        lists = samples.ranked_lists()
        with guarded("the metric", lists.items, lists.truth, lists.item_counts):
            measure(self.build(), lists, K)


def measure(metric: Metric, lists: RankedLists, k: int) -> tuple[Float64 | None, float | None]:
    """Return a metric's values and summary; no summary where it is undefined without any item."""
    values = metric.values(lists, k)
    try:
        return values, metric.summary(lists, k, values)
    except ValueError as error:
        require(
            not (lists.items >= 0).any() and str(error),
            f"only where no list has an item may a metric be undefined, with a reason: {error!r}",
        )
        return values, None


def _equal(one: float | None, other: float | None) -> bool:
    return one is other or (one is not None and other is not None and bool(np.isclose(one, other)))


def _cases() -> Iterator[RankedLists]:
    lists = samples.ranked_lists()
    yield lists
    prompts = len(lists.truth)
    yield samples.lists_of(np.full((prompts, K), -1, dtype=np.int32), lists.truth)
    ranking = np.tile(np.arange(K, dtype=np.int32), (prompts, 1))
    for best in (ranking, ranking + np.int32(samples.ITEMS - K)):
        yield samples.lists_of(best, np.ascontiguousarray(best[:, 0]))
        yield samples.lists_of(best, np.full(prompts, -1, dtype=np.int32))
