"""Hit rates by groups of prompts, with the interval that so few prompts allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchkit.analysis.groups import Group
from benchkit.contracts.arrays import Bool, Float64, Int64
from benchkit.leaderboards.tables import Table

_Z = 1.959963984540054  # of the 95 % interval of a normal distribution


@dataclass(frozen=True)
class Rate:
    """A hit rate and its 95 % interval (Wilson's, over the prompts of one run)."""

    value: float
    low: float
    high: float

    @property
    def margin(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Breakdown:
    """One question's answer.

    Attributes:
        question: name of the question.
        k: where lists were cut.
        groups: groups of prompts.
        prompts: number of prompts in each group, the mean over orders of equal timestamps.
        total: number of all prompts, likewise.
        rates: hit rates in each group, by label of the row.
        overall: hit rate over all prompts, by label of the row.
        uncut: where prompts were cut, hit rates of the same prompts in each group, whole; {} else.
    """

    question: str
    k: int
    groups: Sequence[Group]
    prompts: Sequence[float]
    total: float
    rates: Mapping[str, Sequence[Rate]]
    overall: Mapping[str, Rate]
    uncut: Mapping[str, Sequence[Rate]] = field(default_factory=dict)


@dataclass(frozen=True)
class Analysis:
    """What kept lists say about the rows of a table."""

    table: Table  # the rows that could be analysed; failures say which could not
    k: int  # where lists were cut
    breakdowns: Sequence[Breakdown]  # one a question


def wilson(hits: Float64, prompts: Float64) -> tuple[Float64, Float64]:
    """Return both ends of Wilson's 95 % score interval of a proportion.

    Args:
        hits: successes, ``float64[...]``.
        prompts: trials, ``float64[...]``, above 0.
    """
    share, square = hits / prompts, _Z**2 / prompts
    middle = (share + square / 2) / (1 + square)
    margin = np.sqrt(square * share * (1 - share) + square**2 / 4) / (1 + square)
    return np.clip(middle - margin, 0, share), np.clip(middle + margin, share, 1)


def rates(runs: Sequence[tuple[Bool, Int64]], groups: int) -> tuple[list[Rate], Rate]:
    """Return a row's hit rate in each group, and over all prompts.

    Hits of all runs are added up, so the mean of the groups weighted by their prompts is the mean
    over everything. Intervals are those of a single run: orders of equal timestamps and seeds ask
    about the same sessions again, which is no new evidence about others.

    Args:
        runs: whether each prompt was hit, ``bool[prompts]``, and its group, ``int64[prompts]``,
            of each run.
        groups: number of groups, none empty in all runs.
    """
    hits, prompts = np.zeros(groups), np.zeros(groups)
    for hit, group in runs:
        hits += np.bincount(group[hit], minlength=groups)
        prompts += np.bincount(group, minlength=groups)
    whole = proportions(hits.sum()[None] / len(runs), prompts.sum()[None] / len(runs))[0]
    return proportions(hits / len(runs), prompts / len(runs)), whole


def proportions(hits: Float64, prompts: Float64) -> list[Rate]:
    """Return hit rates with their intervals.

    Args:
        hits: prompts that were hit, ``float64[groups]``.
        prompts: all of them, ``float64[groups]``, above 0.
    """
    low, high = wilson(hits, prompts)
    ends = zip((hits / prompts).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Rate(*rate) for rate in ends]


def sizes(orders: Sequence[Int64], groups: int) -> list[float]:
    """Return the mean number of prompts in each group over several orders of equal timestamps.

    Args:
        orders: each prompt's group, ``int64[prompts]``, of each order.
        groups: number of groups.
    """
    counts = np.mean([np.bincount(places, minlength=groups) for places in orders], axis=0)
    return [float(count) for count in counts]
