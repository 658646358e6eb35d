"""Published figures: whether they may stand beside ours, and why not otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchkit.errors import PluginError
from benchkit.protocol import Protocol
from benchkit.registry import registry
from benchkit.stages.record import TUNED
from benchkit.stages.rows import USUAL_PRESET, Row
from benchkit.stages.tables import Table

# Data whose counts are further from the published ones are other data. A few sessions differ
# between copies of a dataset: 0.2 % are not another dataset, a sample of a tenth is.
TOLERANCE = 0.02


@dataclass(frozen=True)
class Comparison:
    """What can be set beside a table.

    Attributes:
        reason: why nothing can; "" where it can.
        source: where the figures are from.
        results: published figures by recommender and metric.
        advice: what a reader should bear in mind.
    """

    reason: str = ""
    source: str = ""
    results: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    advice: tuple[str, ...] = ()

    def applies(self, row: Row) -> bool:
        """Whether a row is of the paper's configuration, or tuned as the paper's are."""
        return row.preset in (USUAL_PRESET, TUNED) and not row.overrides

    def sentences(self) -> list[str]:
        """Return what the caption says."""
        if self.reason:
            return [f"Published figures are not shown: {self.reason}."]
        return [f"Published figures: {self.source}.", *self.advice]

    def as_dict(self, row: Row) -> dict[str, Any]:
        """Return a row's published figures and ours less theirs, as plain data."""
        known = self.results.get(row.recommender, {}) if self.applies(row) else {}
        return {
            "published": dict(known),
            "difference": {k: row.metrics[k] - v for k, v in known.items() if k in row.metrics},
        }


def compare(table: Table) -> Comparison:
    """Return the published figures for a table, or why there are none."""
    family = str(table.data["family"])
    try:
        plugin = registry().dataset(family)
    except PluginError:
        return Comparison(f"the dataset plugin {family} is not installed")
    if not plugin.published_results:
        return Comparison(f"none are known for {family}")
    reason = _data_differ(table, plugin.published) or _rules_differ(table)
    if reason:
        return Comparison(reason)
    advice = () if len(table.ties) > 1 else (_ONE_ORDER,)
    return Comparison("", plugin.published_source, plugin.published_results, advice)


_ONE_ORDER = (
    "One order of equal timestamps is no comparison: their order is arbitrary and moves the "
    "figures; `benchkit run --ties 0,1,2,3,4` gives mean and spread."
)


def _data_differ(table: Table, published: Mapping[str, float]) -> str:
    """Return how a table's data differ from the published, "" if they do not."""
    family = table.data["family"]
    if table.data["synthetic"]:
        return f"{table.dataset} is generated, not the data of the paper"
    common = [name for name in _COUNTS if name in published and name in table.split]
    if not common:
        return f"the counts of {family} as published are not known, so data cannot be checked"
    for name in common:
        ours, theirs = table.split[name], published[name]
        if abs(ours - theirs) > TOLERANCE * theirs:
            return (
                f"{table.dataset} here has {ours:,} {name}, the paper's {family} has "
                f"{theirs:,.0f}: these are other data"
            )
    return ""


_COUNTS = ("sessions", "items", "interactions")


def _rules_differ(table: Table) -> str:
    """Return how a table's rules differ from the paper's, "" if they do not."""
    name = table.protocol["name"]
    if name != Protocol().name:
        return f"the paper does not evaluate by the {name} protocol"
    if table.protocol["rules"] != Protocol().rules():
        return (
            "the table was made over some of the prompts, with another test share, or with an "
            "earlier version of the protocol"
        )
    return ""
