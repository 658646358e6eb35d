"""The stage that measures: recommendations and ground truth in, metrics out (paper 7.1.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchkit.components.registry import registry
from benchkit.contracts.arrays import Bool, Float64, Int32, Int64
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import DataError, one_line
from benchkit.contracts.metric import Metric, RankedLists, outside
from benchkit.contracts.recommender import Recommendations
from benchkit.data.split import Split
from benchkit.toolkit.arrays import distinct
from benchkit.toolkit.isolation import stdout_on_stderr


@dataclass
class Measured:
    """What the metrics say about one recommender; keys are ``"ndcg@20"``.

    Attributes:
        summaries: one number a metric and cutoff.
        values: ``float64[prompts]``, of the metrics that have a finite value for every prompt.
        failed: what could not be computed, and why.
    """

    summaries: dict[str, float] = field(default_factory=dict)
    values: dict[str, Float64] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def measure_all(
    lists: Recommendations, split: Split, prepared: PreparedDataset, cutoffs: Sequence[int]
) -> Measured:
    """Return what all installed metrics say about lists for the test prompts of a split."""
    metrics: dict[str, Metric] = {name: kind() for name, kind in registry().metrics().items()}
    counts = split.item_counts(prepared)
    return measure(lists.items, split.test.truth, counts, prepared.catalog, cutoffs, metrics)


def metric_sources() -> dict[str, str]:
    """Return a digest of each installed metric's source."""
    return {name: registry().get("metric", name).source_digest() for name in registry().metrics()}


def measure(
    recommendations: Int32,
    truth: Int32,
    item_counts: Int64,
    catalog: Catalog,
    cutoffs: Sequence[int],
    metrics: Mapping[str, Metric],
) -> Measured:
    """Return every metric at every cutoff, over lists that may be anybody's.

    Lists are de-duplicated first and cut then: a repeated item does not use up a place.

    Args:
        recommendations: item codes best first, ``int32[prompts, depth]``, -1 for no item;
            may repeat items and hold gaps.
        truth: withheld items, ``int32[prompts]``; -1 is hit by no list.
        item_counts: popularity as the protocol counts it, ``int64[items]``.
        catalog: all items of the prepared data.
        cutoffs: lengths at which lists are cut, each at least 1.
        metrics: metrics by name.

    Raises:
        DataError: lists and truth do not fit together, or an item is not in the catalog.
    """
    lists = ranked_lists(recommendations, truth, item_counts, catalog)
    return measure_lists(lists, cutoffs, metrics)


def ranked_lists(
    recommendations: Int32, truth: Int32, item_counts: Int64, catalog: Catalog
) -> RankedLists:
    """Return lists that metrics can rely on: checked, without duplicates and gaps, read-only.

    Arguments and errors are those of `measure`.
    """
    _check(recommendations, truth, len(item_counts))
    arrays = distinct(recommendations), truth.view(), item_counts.view()
    for array in arrays:  # what follows is measured on the same, and kept
        array.flags.writeable = False
    return RankedLists(*arrays, catalog)


def hits_of(recommendations: Int32, truth: Int32, prepared: PreparedDataset, k: int) -> Bool:
    """Return whether the first `k` distinct items of each list hold the truth, ``bool[prompts]``.

    Arguments and errors are those of `measure`.
    """
    counts = prepared.item_counts()  # which ranks do not depend on
    ranks = ranked_lists(recommendations, truth, counts, prepared.catalog).ranks
    return (ranks > 0) & (ranks <= k)


def measure_lists(
    lists: RankedLists, cutoffs: Sequence[int], metrics: Mapping[str, Metric]
) -> Measured:
    """Return every metric at every cutoff; one that raises is noted and the others go on."""
    measured = Measured()
    with stdout_on_stderr():
        for name, metric in metrics.items():
            for k in cutoffs:
                _measure_one(measured, f"{name}@{k}", metric, lists, k)
    return measured


def _measure_one(measured: Measured, key: str, metric: Metric, lists: RankedLists, k: int) -> None:
    try:
        values = metric.values(lists, k)
        if values is not None and values.shape != lists.truth.shape:
            raise ValueError(f"{values.shape} values for {len(lists.truth)} prompts")
        summary = float(metric.summary(lists, k, values))
        if not np.isfinite(summary):
            raise ValueError(f"the summary is {summary}")
        low, high = getattr(metric, "bounds", (-np.inf, np.inf))  # a stranger's may lack them
        if outside(summary, (low, high)):
            raise ValueError(f"{summary:g} is outside its bounds, {low:g} to {high:g}")
        complete = values is not None and bool(np.isfinite(values).all())
    except (Exception, SystemExit) as error:
        # a ValueError's words suffice: ours are of this type
        measured.failed[key] = one_line(error).removeprefix("ValueError: ")
        return
    measured.summaries[key] = summary
    if values is not None and complete:
        measured.values[key] = values


def _check(recommendations: Int32, truth: Int32, items: int) -> None:
    if recommendations.ndim != 2 or len(recommendations) != len(truth):
        raise DataError(
            f"recommendations of shape {recommendations.shape} do not fit {len(truth)} prompts"
        )
    for what, codes in (("recommendations", recommendations), ("ground truth", truth)):
        if codes.size and not -1 <= codes.min() <= codes.max() < items:
            raise DataError(
                f"{what} hold item codes from {codes.min()} to {codes.max()}; "
                f"the catalog has 0 to {items - 1}, and -1 stands for no item"
            )
