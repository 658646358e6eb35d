"""Which rows of a table can be told from its best, by the ranks that its records have kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from benchkit.components.registry import registry
from benchkit.contracts.arrays import Bool, Float64, Int32
from benchkit.leaderboards import inference
from benchkit.leaderboards.inference import LEVEL, Sample
from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.rows import Row, run_key

# Metrics are sums of the same numbers in another order: what differs by more is another figure.
EQUAL = 1e-9
# All pairs are tested: 50 rows have 1,225, which take some seconds; 1,000 rows would take hours.
MOST_ROWS = 50


@dataclass(frozen=True, eq=False)
class MetricTest:
    """One metric's comparison of the rows with the best of them.

    Attributes:
        best: label of the row with the best mean among those tested.
        p: corrected p-value of each tested row's difference from the best, by label; 1 its own.
        samples: what was tested, by label.
        pairs: corrected p-values of all pairs, in the order of the samples,
            ``float64[rows, rows]``.
    """

    best: str
    p: Mapping[str, float]
    samples: Mapping[str, Sample]
    pairs: Float64

    @property
    def group(self) -> list[str]:
        """Labels of the best row and of those that cannot be told from it."""
        return [label for label, p in self.p.items() if p >= LEVEL]

    @cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % interval of each tested row's mean, by label."""
        ends = inference.intervals(list(self.samples.values()))
        return {
            label: (low, high) for label, (low, high) in zip(self.p, ends.tolist(), strict=True)
        }


@dataclass(frozen=True)
class Significance:
    """What the ranks say of a table.

    Attributes:
        tests: by metric and cutoff, ``ndcg@20``: those that the truth's rank alone decides, where
            two rows at least could be tested.
        untested: why a row could not be tested, by label.
        single: whether a tested row has one run, so that its variance over seeds is not known.
    """

    tests: Mapping[str, MetricTest] = field(default_factory=dict)
    untested: Mapping[str, str] = field(default_factory=dict)
    single: bool = False

    def standing(self, key: str, label: str) -> str:
        """Return ``best``, ``tied`` with it, ``worse`` or ``untested``, of a row in a metric."""
        test = self.tests.get(key)
        if test is None or label not in test.p:
            return "untested"
        if label == test.best:
            return "best"
        return "tied" if label in test.group else "worse"

    def why_untested(self, key: str, label: str) -> str:
        """Return why a row was not tested in a metric that was, "" where it was."""
        test = self.tests.get(key)
        if test is None or label in test.p:
            return ""
        return self.untested.get(label, f"only the best {MOST_ROWS} rows are tested")

    def as_dict(self, label: str) -> dict[str, Any]:
        """Return what is said of a row, by metric, as plain data."""
        return {
            key: {
                "standing": self.standing(key, label),
                "best": test.best,
                "p": test.p.get(label),
                "interval": test.intervals.get(label),
            }
            for key, test in self.tests.items()
        }


def rank_metrics(keys: Sequence[str]) -> dict[str, Float64]:
    """Return the gains of each metric that has some, by its key with cutoff."""
    kinds, gains = registry().metrics(), {}
    for key in keys:
        name, _, cutoff = key.rpartition("@")
        if name in kinds and cutoff.isdecimal():
            worth = kinds[name]().gains(int(cutoff))
            if worth is not None and len(worth):
                gains[key] = worth
    return gains


def values_of(ranks: Ranks, gains: Float64, unique: Int32) -> Float64:
    """Return a metric's value for each session, ``float64[sessions]``.

    The mean over sessions is that over prompts, where a session has several, too.

    Args:
        ranks: of a record.
        gains: worth of each rank.
        unique: its sessions, ascending.
    """
    worth = np.zeros(max(len(gains), int(ranks.ranks.max(initial=0))) + 1)
    worth[1 : len(gains) + 1] = gains
    places = np.searchsorted(unique, ranks.sessions)
    sums: Float64 = np.bincount(places, worth[ranks.ranks], len(unique)).astype(np.float64)
    return sums * (len(unique) / max(len(ranks.ranks), 1))


@dataclass(frozen=True)
class Samples:
    """What the ranks of a table's rows are, as far as they can be compared.

    Attributes:
        by_metric: samples by metric and cutoff, then by label of the row.
        sessions: codes of the sessions, ascending, ``int32[sessions]``.
        untested: why a row has none, by label.
    """

    by_metric: Mapping[str, Mapping[str, Sample]]
    sessions: Int32
    untested: Mapping[str, str]


def samples_of(rows: Sequence[Row], kept: Mapping[str, Ranks], keys: Sequence[str]) -> Samples:
    """Return what some metrics are for each session, of the rows that have the common sessions.

    Args:
        rows: a table's, or some of them.
        kept: ranks by the key of their record.
        keys: the metrics, with cutoff; those that need more than ranks are left out.
    """
    sessions, gains = _common_sessions(rows, kept), rank_metrics(keys)
    unique, untested, testable = np.unique(sessions), dict[str, str](), list[Row]()
    for row in rows:
        if problem := next(filter(None, (_problem(run, kept, sessions) for run in row.runs)), ""):
            untested[row.label] = problem
        else:
            testable.append(row)
    samples: dict[str, dict[str, Sample]] = {key: {} for key in gains}
    for key, worth in gains.items():
        for row in _foremost(key, testable):
            sample = sample_of(row, kept, worth, unique)
            figures = [run.metrics[key] for run in row.runs]
            if np.allclose(sample.by_run, figures, rtol=0, atol=EQUAL):
                samples[key][row.label] = sample
            else:
                untested.setdefault(row.label, f"its {key} is not that of its ranks")
    return Samples(samples, unique, untested)


def sample_of(
    row: Row,
    kept: Mapping[str, Ranks],
    gains: Float64,
    sessions: Int32,
    chosen: Bool | slice = slice(None),
) -> Sample:
    """Return what a metric is for each session of a row.

    Args:
        row: all of whose ranks were kept, of the same sessions.
        kept: ranks by the key of their record.
        gains: the metric's worth of each rank.
        sessions: their codes, ascending.
        chosen: which sessions to look at.
    """
    return Sample.of(
        {
            run_key(run): values_of(kept[run.identity.key], gains, sessions)[chosen]
            for run in row.runs
        }
    )


def significance(
    rows: Sequence[Row], kept: Mapping[str, Ranks], keys: Sequence[str]
) -> Significance:
    """Return what can be told apart in a table.

    Of a metric, the best `MOST_ROWS` rows are tested.

    Args:
        rows: the table's.
        kept: ranks by the key of their record.
        keys: the metrics to test, with cutoff; those that need more than ranks are left out.
    """
    samples = samples_of(rows, kept, keys)
    tested = {key: part for key, part in samples.by_metric.items() if len(part) > 1}
    matrices = inference.permutation_tests([list(part.values()) for part in tested.values()])
    tests = {
        key: _against_best(key, part, inference.holm_pairs(p))
        for (key, part), p in zip(tested.items(), matrices, strict=True)
    }
    single = any(len(s.by_run) == 1 for test in tests.values() for s in test.samples.values())
    return Significance(tests, samples.untested, single)


def _sign(key: str) -> int:
    """Return -1 where a metric's smaller figures are better, else 1."""
    metric = registry().metrics()[key.rpartition("@")[0]]
    return -1 if metric.higher_is_better is False else 1


def _foremost(key: str, rows: Sequence[Row]) -> list[Row]:
    """Return the best rows of those that have a metric, as many as are tested, in their order."""
    having = [row for row in rows if key in row.metrics]
    best = sorted(having, key=lambda row: -_sign(key) * row.metrics[key])[:MOST_ROWS]
    labels = {row.label for row in best}
    return [row for row in having if row.label in labels]


def _common_sessions(rows: Sequence[Row], kept: Mapping[str, Ranks]) -> Int32:
    """Return the sessions that most records have, sorted; none where there are no ranks."""
    present = [
        kept[run.identity.key] for row in rows for run in row.runs if run.identity.key in kept
    ]
    counts = Counter(np.sort(ranks.sessions).tobytes() for ranks in present)
    if not counts:
        return np.empty(0, np.int32)
    return np.frombuffer(max(counts, key=lambda content: (counts[content], content)), np.int32)


def _problem(run: Record, kept: Mapping[str, Ranks], sessions: Int32) -> str:
    """Return why a record's ranks cannot be used, "" where they can."""
    ranks = kept.get(run.identity.key)
    if ranks is None:
        return "no ranks were kept"
    if ranks.lists != run.lists:
        return "its ranks are of other lists"
    depth = run.identity.depth
    inside = (ranks.ranks >= 0) & (ranks.ranks <= depth)
    if len(ranks.ranks) != len(ranks.sessions) or not inside.all():
        return "its ranks are damaged"
    if not np.array_equal(np.sort(ranks.sessions), sessions):
        return "its ranks are of other prompts"
    return ""


def _against_best(key: str, samples: Mapping[str, Sample], p: Float64) -> MetricTest:
    labels = list(samples)
    best = int(np.argmax([_sign(key) * sample.by_session.mean() for sample in samples.values()]))
    values = dict(zip(labels, p[best].tolist(), strict=True))
    return MetricTest(labels[best], values, samples, p)
