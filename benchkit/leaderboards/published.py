"""Published figures: whether they may stand beside ours, and why not otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from benchkit.components.registry import registry
from benchkit.contracts.errors import PluginError
from benchkit.contracts.protocol import Protocol
from benchkit.contracts.published import Published, PublishedRow
from benchkit.leaderboards.record import TUNED
from benchkit.leaderboards.rows import USUAL_PRESET, Row
from benchkit.leaderboards.tables import Table

# Data whose counts are further from the published ones are other data. A few sessions differ
# between copies of a dataset: 0.2 % are not another dataset, a sample of a tenth is.
TOLERANCE = 0.02
_COUNTS = ("sessions", "items", "interactions")
_ONE_ORDER = (
    "One order of equal timestamps is no comparison: their order is arbitrary and moves the "
    "figures; `benchkit run --ties 0,1,2,3,4` gives mean and spread."
)


@dataclass(frozen=True)
class Comparison:
    """What can be set beside a table.

    Attributes:
        reason: why nothing can; "" where it can.
        published: everything published about the data.
        protocol: name of the table's protocol.
        advice: what a reader should bear in mind.
        about: what the table shows: results, or what answers of language models were like.
    """

    reason: str = ""
    published: Published = field(default_factory=Published)
    protocol: str = Protocol().name
    advice: tuple[str, ...] = ()
    about: Literal["results", "answers"] = "results"

    @property
    def keys(self) -> dict[str, None]:
        """Metrics and diagnostics that the published rows have, in their order."""
        rows = {**self.results, **self.answers}.values()
        return dict.fromkeys(key for row in rows for key in row.figures if key != "trials")

    @property
    def answers(self) -> Mapping[str, PublishedRow]:
        """Published rows about answers to show with the table, by label."""
        if self.about != "answers":
            return {}
        return {
            f"{row.recommender} ({row.model})": PublishedRow(row.model, row.figures)
            for row in self.published.answers
        }

    @property
    def results(self) -> Mapping[str, PublishedRow]:
        """Published results to show with the table, how many trials led to them among them.

        With the default protocol's table all are shown, with another's those of its own.
        """
        if self.about != "results":
            return {}
        trials = self.published.trials
        rows = {**self.published.results, **self._searched_only()}
        return {
            name: replace(row, figures={**row.figures, "trials": trials[name]})
            if name in trials
            else row
            for name, row in rows.items()
            if self.protocol in (Protocol().name, row.protocol)
        }

    def _searched_only(self) -> dict[str, PublishedRow]:
        names = self.published.trials.keys() - self.published.results.keys()
        return {name: PublishedRow(name, {}) for name in sorted(names)}

    def applies(self, row: Row) -> bool:
        """Whether a row is of the paper's configuration, or tuned as the paper's are."""
        return row.preset in (USUAL_PRESET, TUNED) and not row.overrides

    def beside(self, row: Row) -> PublishedRow | None:
        """Return the published row that a row of ours may be compared with."""
        published = self.results.get(row.recommender)
        comparable = published and published.protocol == self.protocol and self.applies(row)
        return published if comparable else None

    def alone(self, table: Table) -> dict[str, PublishedRow]:
        """Return the published rows that stand beside none of the table's, by label."""
        beside = {row.recommender for row in table.rows if self.beside(row)}
        rows = {**self.results, **self.answers}
        return {label: row for label, row in rows.items() if label not in beside}

    def sentences(self) -> list[str]:
        """Return what the caption says."""
        if self.reason:
            return [f"Published figures are not shown: {self.reason}."]
        return [f"Published figures: {self.published.source}.", *self.advice]

    def as_dict(self, row: Row) -> dict[str, Any]:
        """Return a row's published figures and ours less theirs, as plain data."""
        published = self.beside(row)
        figures = published.figures if published else {}
        return {
            "published": dict(figures),
            "difference": {
                key: row.metrics[key] - value
                for key, value in figures.items()
                if value is not None and key in row.metrics
            },
        }

    def plain(self, table: Table) -> dict[str, Any]:
        """Return everything published as plain data, and why it is not shown."""
        alone = {} if self.reason else self.alone(table)
        return {
            "source": self.published.source or None,
            "not_shown_because": self.reason or None,
            "results": {
                name: {**asdict(row), "published_only": name in alone}
                for name, row in self.results.items()
            },
            "trials": dict(self.published.trials),
            "answers": [asdict(row) for row in self.published.answers],
        }


def compare(table: Table) -> Comparison:
    """Return the published figures for a table, or why there are none."""
    family = str(table.data["family"])
    try:
        published = registry().dataset(family).published
    except PluginError:
        return Comparison(f"the dataset plugin {family} is not installed")
    if not published.results:
        return Comparison(f"none are known for {family}")
    counts = {name: n for name in _COUNTS if isinstance(n := table.split.get(name), int)}
    reason = other_data(
        table.dataset, family, published, counts, generated=table.data["synthetic"]
    ) or _rules_differ(table, published)
    if reason:
        return Comparison(f"{reason}; `benchkit show {family}` lists them")
    advice = () if len(table.ties) > 1 else (_ONE_ORDER,)
    return Comparison("", published, str(table.protocol["name"]), advice)


def trials_of(dataset: str, recommender: str) -> float | None:
    """Return how many configurations a published search tried; None where that is not known."""
    if dataset not in registry().components["dataset"]:
        return None
    return registry().dataset(dataset).published.trials.get(recommender)


def other_data(
    name: str, family: str, published: Published, counts: Mapping[str, float], *, generated: bool
) -> str:
    """Return how data differ from those that were published about, "" if they do not.

    Args:
        name: of the data here.
        family: of the data that were published about.
        published: what was.
        counts: sessions, items and interactions here.
        generated: whether the data here are.
    """
    if generated:
        return f"{name} is generated, not the data of the paper"
    statistics = published.statistics
    both = {key: (counts[key], statistics.get(key)) for key in _COUNTS if key in counts}
    comparable = [(k, ours, paper) for k, (ours, paper) in both.items() if paper is not None]
    if not comparable:
        return f"the counts of {family} as published are not known, so data cannot be checked"
    for key, ours, paper in comparable:
        if abs(ours - paper) > TOLERANCE * paper:
            return (
                f"{name} here has {ours:,.0f} {key}, the paper's {family} has "
                f"{paper:,.0f}: these are other data"
            )
    return ""


def _rules_differ(table: Table, published: Published) -> str:
    """Return how a table's rules differ from those of all published rows, "" if they do not."""
    name = table.protocol["name"]
    if name not in {row.protocol for row in published.results.values()}:
        return f"the paper does not evaluate by the {name} protocol"
    if table.protocol["rules"] != Protocol(name).rules(table.revision):
        return "the table was made over some of the prompts, or with another test share"
    return ""
