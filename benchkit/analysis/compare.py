"""Two rows of a table side by side: what their ranks say, over all sessions and in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchkit.analysis.groups import members
from benchkit.analysis.hits import least_prompts
from benchkit.analysis.questions import GROUPINGS
from benchkit.contracts.arrays import Float64, Int32
from benchkit.contracts.errors import BenchkitError, ConfigError, unknown_name
from benchkit.evaluation.remeasure import split_of
from benchkit.leaderboards import inference
from benchkit.leaderboards.inference import LEVEL, Sample
from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.rows import Row
from benchkit.leaderboards.significance import rank_metrics, sample_of, samples_of
from benchkit.leaderboards.tables import Table


@dataclass(frozen=True)
class Difference:
    """How one row differs from another in one metric.

    Attributes:
        metric: with cutoff, ``ndcg@20``.
        first: mean of the first row.
        second: mean of the second.
        interval: 95 % interval of first less second, by bootstrap over sessions and runs.
        p: of a paired permutation test, not corrected for other metrics or rows.
        effect: the difference in standard deviations of the sessions' differences (Cohen's d of
            paired samples); 0 where no session differs.
        won: sessions in which the first is better.
        tied: sessions without a difference.
        lost: sessions in which the second is better.
    """

    metric: str
    first: float
    second: float
    interval: tuple[float, float]
    p: float
    effect: float
    won: int
    tied: int
    lost: int

    @property
    def difference(self) -> float:
        """First less second."""
        return self.first - self.second


@dataclass(frozen=True)
class GroupDifference:
    """A group of sessions, as `benchkit analyse` forms them, in which two rows differ.

    Attributes:
        by: name of what groups are formed by.
        unit: what its numbers count.
        group: the group's label.
        sessions: how many it has.
        difference: first row less second, in the metric compared.
        p: corrected for all groups by Holm's method.
    """

    by: str
    unit: str
    group: str
    sessions: int
    difference: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """Two rows of a table, compared.

    Attributes:
        table: where they stand.
        first: the first row.
        second: the second row.
        differences: one a metric.
        groups: groups in which they differ in the first of the metrics, by descending evidence.
        no_groups: why no groups could be formed; "" where they were.
    """

    table: Table
    first: Row
    second: Row
    differences: Sequence[Difference]
    groups: Sequence[GroupDifference]
    no_groups: str = ""


def compare_rows(
    table: Table, first: str, second: str, kept: Mapping[str, Ranks], metrics: Sequence[str]
) -> Comparison:
    """Return how two rows of a table differ.

    Args:
        table: the table.
        first: label of a row, or its recommender's name where one row has it.
        second: of another row.
        kept: ranks by the key of their record.
        metrics: with cutoff; those that take more than ranks are left out. The first that remains
            is compared in groups, too.

    Raises:
        BenchkitError: there is no such row, no ranks of it, or no metric that ranks decide.
    """
    one, other = (row_named(table, name) for name in (first, second))
    if one is other:
        raise ConfigError(f"both names are of one row, {one.label!r}")
    samples = samples_of([one, other], kept, metrics)
    for label, reason in samples.untested.items():
        raise BenchkitError(f"{label} cannot be compared: {reason}")
    pairs = {
        key: (part[one.label], part[other.label])
        for key, part in samples.by_metric.items()
        if len(part) == 2
    }
    if not pairs:
        raise BenchkitError(
            "no metric of both rows is decided by the truth's rank, so none can be compared"
        )
    groups, reason = _groups_that_differ((one, other), kept, next(iter(pairs)), samples.sessions)
    differences = [_difference(key, *pair) for key, pair in pairs.items()]
    return Comparison(table, one, other, differences, groups, reason)


def row_named(table: Table, name: str) -> Row:
    """Return the row of a label, or of a recommender's name that one row has.

    Raises:
        ConfigError: there is none, or there are several.
    """
    rows = {row.label: row for row in table.rows}
    if name in rows:
        return rows[name]
    same = [row for row in table.rows if row.recommender == name]
    if len(same) == 1:
        return same[0]
    if same:
        labels = ", ".join(repr(row.label) for row in same)
        raise ConfigError(f"{len(same)} rows are of {name}; name one by its label: {labels}")
    raise ConfigError(unknown_name("row", name, rows))


def _difference(metric: str, one: Sample, other: Sample) -> Difference:
    by_session = one.by_session - other.by_session
    deviation = float(by_session.std(ddof=1)) if len(by_session) > 1 else 0.0
    (p,) = inference.permutation_tests([[one, other]])
    low, high = inference.intervals_of_differences([one, other])[0, 1].tolist()
    won, lost = int((by_session > 0).sum()), int((by_session < 0).sum())
    return Difference(
        metric,
        float(one.by_session.mean()),
        float(other.by_session.mean()),
        (low, high),
        float(p[0, 1]),
        float(by_session.mean()) / deviation if deviation else 0.0,
        won,
        len(by_session) - won - lost,
        lost,
    )


def _groups_that_differ(
    rows: tuple[Row, Row], kept: Mapping[str, Ranks], metric: str, sessions: Int32
) -> tuple[list[GroupDifference], str]:
    """Return the groups in which two rows differ, or why there are no groups.

    Groups are those of the newest run's order of equal times.
    """
    try:
        prepared, split = split_of(rows[0].newest)
    except BenchkitError as error:
        return [], str(error)
    ids = split.test.prompts.ids
    if not np.array_equal(np.sort(ids), sessions):
        return [], "the data in the workspace have other sessions"
    order, gains = np.argsort(ids), rank_metrics([metric])[metric]
    parts: list[GroupDifference] = []
    for grouping in GROUPINGS.values():
        values = grouping.values(prepared, split)[order]
        groups = grouping.group(values, least_prompts([values]))
        places = members(groups, values)
        for place, group in enumerate(groups):
            inside = places == place
            if inside.any():
                pair = [sample_of(row, kept, gains, sessions, inside) for row in rows]
                (p,) = inference.permutation_tests([pair])
                difference = float((pair[0].by_session - pair[1].by_session).mean())
                about = grouping.name, grouping.unit, group.label, int(inside.sum())
                parts.append(GroupDifference(*about, difference, float(p[0, 1])))
    corrected = inference.holm(np.array([part.p for part in parts]))
    every = [replace(part, p=float(p)) for part, p in zip(parts, corrected, strict=True)]
    return sorted((part for part in every if part.p < LEVEL), key=lambda part: part.p), ""


@dataclass(frozen=True)
class Gain:
    """How much better one recommender is than another, relatively (paper 7.2).

    Attributes:
        first: label or name of the one.
        second: of the other.
        dataset: where; "" for the mean over pairs and datasets.
        metric: with cutoff.
        gain: mean of first / second - 1.
        interval: its 95 % interval, by bootstrap over sessions and runs.
    """

    first: str
    second: str
    dataset: str
    metric: str
    gain: float
    interval: tuple[float, float]


def gains_of(
    boards: Sequence[tuple[Table, Mapping[str, Ranks]]],
    pairs: Sequence[tuple[str, str]],
    metrics: Sequence[str],
) -> list[Gain]:
    """Return the relative gain of each pair on each dataset, then the mean, for each metric.

    Args:
        boards: one table a dataset, with the ranks of its records.
        pairs: labels or recommenders' names, the one that is to be better first.
        metrics: with cutoff, such that the truth's rank decides them.

    Raises:
        BenchkitError: a row is not there or has no ranks, or the second of a pair hardly ever hits.
    """
    pairs = list(dict.fromkeys(pairs))  # twice the same would look like more evidence
    gains: list[Gain] = []
    for metric in metrics:
        means: list[tuple[float, Float64]] = []
        for place, (table, kept) in enumerate(boards):
            rows = {name: row_named(table, name) for pair in pairs for name in pair}
            distinct = list({row.label: row for row in rows.values()}.values())
            samples = samples_of(distinct, kept, [metric])
            for label, reason in samples.untested.items():
                raise BenchkitError(f"{label} on {table.dataset} cannot be compared: {reason}")
            by_label = samples.by_metric.get(metric)
            if by_label is None:
                raise BenchkitError(f"{metric} takes more than the truth's rank")
            if lacking := [row.label for row in distinct if row.label not in by_label]:
                raise BenchkitError(f"{lacking[0]} on {table.dataset} has no {metric}")
            drawn = inference.resampled_means(list(by_label.values()), seed=place)
            columns = dict(zip(by_label, drawn.T, strict=True))
            for first, second in pairs:
                one, other = rows[first].label, rows[second].label
                if one == other:
                    raise ConfigError(f"{first} and {second} are one row, {one!r}")
                base = rows[second].metrics[metric]
                if not base or not columns[other].all():  # some resample would divide by 0
                    raise BenchkitError(
                        f"{second} on {table.dataset} hits in too few sessions for a gain over it"
                    )
                gain = rows[first].metrics[metric] / base - 1
                resampled = columns[one] / columns[other] - 1
                means.append((gain, resampled))
                gains.append(_gain(first, second, table.dataset, metric, gain, resampled))
        if len(means) > 1:
            mean = float(np.mean([gain for gain, _ in means]))
            resampled = np.mean([drawn for _, drawn in means], axis=0)
            gains.append(_gain("mean", "", "", metric, mean, resampled))
    return gains


def _gain(
    first: str,
    second: str,
    dataset: str,
    metric: str,
    gain: float,
    resampled: Float64,
) -> Gain:
    low, high = inference.ends(resampled)
    return Gain(first, second, dataset, metric, gain, (float(low), float(high)))
