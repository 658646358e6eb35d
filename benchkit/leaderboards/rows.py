"""Rows of a table: views of the records that they average, and of runs without one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev
from typing import Any

from benchkit.contracts.config import show_value
from benchkit.contracts.protocol import Ties
from benchkit.leaderboards.record import TUNED, Failure, Record

# Recommender, distribution, preset, overrides: what a reader takes for one thing.
Key = tuple[str, str, str, str]
USUAL_PRESET = "paper"
_INCOMPLETE = (
    "measured in {} of {} runs; `benchkit evaluate` or, where lists are too short, `benchkit run`, "
    "with the same --k for all, adds the others"
)


@dataclass(frozen=True)
class _Runs:
    """What rows of results and of failures say alike.

    Attributes:
        label: name of the recommender, with what tells the row from others in its table.
        runs: the runs, one at least.
    """

    label: str
    runs: Sequence[Record | Failure]

    @cached_property
    def newest(self) -> Record | Failure:
        """The run that says what all share."""
        return max(self.runs, key=lambda run: run.created)

    @property
    def recommender(self) -> str:
        """Name of the recommender."""
        return self.newest.identity.recommender["name"]

    @property
    def preset(self) -> str:
        """Where values came from that nobody set."""
        return self.newest.preset

    @property
    def overrides(self) -> dict[str, Any]:
        """The values that the user set."""
        return overrides_of(self.newest)

    @property
    def ties(self) -> list[Ties]:
        """Orders of equal timestamps among the runs."""
        return sorted({run.identity.ties for run in self.runs}, key=ties_order)

    @property
    def seeds(self) -> list[int]:
        """Seeds among the runs."""
        return sorted({run.identity.seed for run in self.runs})


@dataclass(frozen=True)
class FailedRow(_Runs):
    """Runs of a recommender that cannot be shown, all of its row or some.

    Attributes:
        reason: one line.
    """

    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        identity = self.newest.identity
        return {
            "recommender": self.recommender,
            "label": self.label,
            "distribution": identity.recommender["distribution"],
            "version": identity.recommender["version"],
            "config": identity.config,
            "preset": self.preset,
            "overrides": self.overrides,
            "ties": self.ties,
            "seeds": self.seeds,
            "reason": self.reason,
            "created": self.newest.created,
        }


@dataclass(frozen=True)
class Row(_Runs):
    """The mean over one recommender's records, which share `row_key` and code."""

    runs: Sequence[Record]

    @cached_property
    def newest(self) -> Record:
        """The record that says what all share."""
        return max(self.runs, key=lambda run: run.created)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Mean of each metric, those that every run has."""
        names = (name for name in self._metric_names if all(name in r.metrics for r in self.runs))
        return {name: fmean(run.metrics[name] for run in self.runs) for name in names}

    @cached_property
    def spread(self) -> dict[str, float | None]:
        """Sample standard deviation of each metric; None over a single run."""
        return {
            name: stdev(run.metrics[name] for run in self.runs) if len(self.runs) > 1 else None
            for name in self.metrics
        }

    @cached_property
    def failed_metrics(self) -> dict[str, str]:
        """Why a metric that only some runs have, or none, is missing."""
        return {name: self._reason(name) for name in self._metric_names if name not in self.metrics}

    @property
    def _metric_names(self) -> dict[str, None]:
        return dict.fromkeys(name for r in self.runs for name in (*r.metrics, *r.failed_metrics))

    def _reason(self, metric: str) -> str:
        reasons = (r.failed_metrics[metric] for r in self.runs if metric in r.failed_metrics)
        measured = sum(metric in run.metrics for run in self.runs)
        return next(reasons, _INCOMPLETE.format(measured, len(self.runs)))

    @cached_property
    def diagnostics(self) -> dict[str, float]:
        """Means over the runs that have a value: without hallucinations, none is similar."""
        return _means([run.diagnostics for run in self.runs])

    @property
    def search(self) -> Mapping[str, Any]:
        """How the configuration was found, {} without a search."""
        return self.newest.search

    @property
    def search_failed(self) -> bool:
        """Whether no trial of the search has finished, and the preset was evaluated."""
        alone = bool(self.search) and "parts" not in self.search
        return alone and self.search.get("best") is None

    @property
    def prompts(self) -> list[int]:
        """Numbers of prompts among the runs, ascending."""
        return sorted({run.prompts for run in self.runs})

    def as_dict(self) -> dict[str, Any]:
        """Return plain data: means over the runs, of memory the largest."""
        identity = self.newest.identity
        return {
            "recommender": self.recommender,
            "label": self.label,
            "metrics": self.metrics,
            "spread": self.spread,
            "failed_metrics": self.failed_metrics,
            "runs": len(self.runs),
            "ties": self.ties,
            "seeds": self.seeds,
            "distribution": identity.recommender["distribution"],
            "version": identity.recommender["version"],
            "source": identity.recommender["source"],
            "config": identity.config,
            "preset": self.preset,
            "overrides": self.overrides,
            "seconds": _means([run.seconds for run in self.runs], absent=0.0),
            "peak_memory": max(run.peak_memory for run in self.runs),
            "api": _means([run.api for run in self.runs], absent=0.0),
            "prompts": self.prompts,
            "records": [run.identity.key for run in self.runs],
            "created": self.newest.created,
            "search": self.search,
            "diagnostics": self.diagnostics,
        }


def row_key(run: Record | Failure) -> Key:
    """Return the identity of the row that a run belongs to.

    A failure keeps overrides as the user typed them, a record as values; the configuration has
    the values of both.
    """
    recommender = run.identity.recommender
    overrides = json.dumps(overrides_of(run), sort_keys=True)
    return recommender["name"], recommender["distribution"], run.preset, overrides


def overrides_of(run: Record | Failure) -> dict[str, Any]:
    """Return the values that the user set, as values."""
    return {name: run.identity.config.get(name, value) for name, value in run.overrides.items()}


def run_key(run: Record | Failure) -> tuple[str, int]:
    """Return which run of its row it is: the order of equal timestamps, and the seed."""
    return str(run.identity.ties), run.identity.seed


def ties_order(ties: Ties) -> tuple[bool, int, str]:
    """Return what sorts tie orders: seeds by number, then words."""
    return (False, ties, "") if isinstance(ties, int) else (True, 0, ties)


def current(records: Iterable[Record]) -> dict[Key, list[Record]]:
    """Return the runs that count, by row: of the newest code, one for each ties and seed.

    Runs of older versions are superseded as soon as there is one of a newer: a mean over two
    versions is a figure of neither. Among runs of the same code the newest wins, unless an older
    one only keeps longer lists and so has more cutoffs.
    """
    rows: dict[Key, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.latest):
        rows.setdefault(row_key(record), []).append(record)
    return {key: _of_newest_code(runs) for key, runs in rows.items()}


def _of_newest_code(records: Sequence[Record]) -> list[Record]:
    kept: dict[tuple[str, int], Record] = {}
    for record in records:
        if record.code == records[-1].code:
            before = kept.get(run_key(record), record)
            if record.identity.depth >= before.identity.depth:
                kept[run_key(record)] = record
    return list(kept.values())


def average(records: Collection[Record]) -> Row:
    """Return the row of runs that share key and code; its label is the recommender's name.

    Where there are several orders of equal timestamps, seeds that some of them lack are left out:
    each order counts alike.
    """
    seeds: dict[Ties, set[int]] = {}
    for record in records:
        seeds.setdefault(record.identity.ties, set()).add(record.identity.seed)
    common = set.intersection(*seeds.values())
    runs = [run for run in records if not common or run.identity.seed in common]
    runs.sort(key=lambda run: (ties_order(run.identity.ties), run.created))
    return Row(runs[0].identity.recommender["name"], runs)


def missing(
    rows: Mapping[Key, Sequence[Record]], failures: Iterable[Failure]
) -> dict[Key, list[Failure]]:
    """Return the failures to list, by row."""
    listed: dict[Key, list[Failure]] = {}
    for failure in failures:
        if _is_missing(failure, rows.get(row_key(failure), ())):
            listed.setdefault(row_key(failure), []).append(failure)
    return listed


def _is_missing(failure: Failure, runs: Sequence[Record]) -> bool:
    """Tell whether a row lacks what failed: of its code and not run since, or of newer code."""
    if not runs:
        return True
    if failure.code == runs[0].code:
        return run_key(failure) not in map(run_key, runs)
    return failure.latest > max(run.latest for run in runs)


def _means(parts: Sequence[Mapping[str, float]], absent: float | None = None) -> dict[str, float]:
    """Return the mean of each value; what a part lacks counts as `absent`, or not at all."""
    columns = {name: [part.get(name, absent) for part in parts] for part in parts for name in part}
    return {name: fmean(v for v in values if v is not None) for name, values in columns.items()}


def labels(rows: Mapping[Key, Mapping[str, Any]]) -> dict[Key, str]:
    """Return a label a row: the name, and what tells it from the other rows of its table.

    The user's values always show, and that a search found the others; a preset other than the usual
    where the same row stands there with another one, a distribution where rows would be called
    alike.

    Args:
        rows: overrides of each row, by key.
    """
    presets: dict[Key, set[str]] = {}
    for name, distribution, preset, values in rows:
        presets.setdefault((name, distribution, "", values), set()).add(preset)
    named = {
        key: _label(key, overrides, len(presets[key[0], key[1], "", key[3]]) > 1)
        for key, overrides in rows.items()
    }
    counts = Counter(named.values())
    return {k: f"{v} from {k[1]}" if counts[v] > 1 else v for k, v in named.items()}


def _label(key: Key, overrides: Mapping[str, Any], several_presets: bool) -> str:
    name, _, preset, _ = key
    shown = ", ".join(f"{k}={show_value(v)}" for k, v in sorted(overrides.items()))
    label = f"{name} ({shown})" if shown else name
    if preset == TUNED:
        return f"{label} [{TUNED}]"
    return f"{label} [{preset}]" if preset != USUAL_PRESET and several_presets else label
