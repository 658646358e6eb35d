"""A small world of items and people with tastes, which generated samples are drawn from.

Items belong to niches (cozy farming games, night creams) and within those to series (the parts of
one game, one brand's line), from which titles and tags are made. People like a few niches, drift
between them, and often go on within the series of what they took last; popularity is Zipf-like;
items appear over time. So texts and neighbours predict what comes next better than popularity
does, and popularity better than chance. Lengths, gaps between days, and ties follow quantiles of
the real data. Everything random comes from ``random()`` of a seeded generator, a block of sessions
each: the same seed gives the same sessions, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchkit.contracts.arrays import Bool, Float64, Int64
from benchkit.contracts.sessions import offsets_of

DAY = 86_400  # seconds
BLOCK = 20_000  # sessions drawn at once
LONGEST = 400
TASTES = 3  # niches that a person likes
RETRIES = 4
_SERIES = 7  # items a series has on average


@dataclass(frozen=True)
class Shape:
    """The shape of a kind of data.

    Attributes:
        niches: how many niches there are.
        items_at_4000: items that 4,000 sessions have; grows with the root of the sessions.
        lengths: quantiles of interactions a session, as pairs (share, value).
        gaps: quantiles of the days between interactions on different days, likewise.
        same_day: share of interactions on the day of the one before.
        begin: first day, counted from 1970.
        end: last day.
        follow: how often people go on within the series of what they took last.
        stray: how often they take what is popular with everybody.
        skew: exponent of popularity by rank.
    """

    niches: int
    items_at_4000: int
    lengths: Sequence[tuple[float, float]]
    gaps: Sequence[tuple[float, float]]
    same_day: float
    begin: int
    end: int
    follow: float = 0.4
    stray: float = 0.12
    skew: float = 0.85


@dataclass(frozen=True, eq=False)
class World:
    """The items, by niche and series.

    Attributes:
        shape: what the data look like.
        seed: of everything random.
        niche: niche of each item, ascending, ``int64[items]``.
        series: series of each item, ascending, ``int64[items]``.
        number: place of each item in its series, from 0, ``int64[items]``.
        released: first day of each item, ``int64[items]``.
        weight: popularity of each item, ``float64[items]``.
    """

    shape: Shape
    seed: int
    niche: Int64
    series: Int64
    number: Int64
    released: Int64
    weight: Float64

    def __len__(self) -> int:
        return len(self.niche)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Some sessions, by session and time.

    Attributes:
        sessions: number of the session of each interaction, from 0, ``int64[interactions]``.
        items: item of each interaction, ``int64[interactions]``.
        days: day of each interaction, counted from 1970, ``int64[interactions]``.
    """

    sessions: Int64
    items: Int64
    days: Int64


def make_world(shape: Shape, sessions: int, seed: int) -> World:
    """Return the items for that many sessions."""
    rng = np.random.default_rng([seed, 0])
    count = max(shape.niches * 8, round(shape.items_at_4000 * (sessions / 4000) ** 0.55))
    sizes = 1 + np.floor(rng.random(count) * 2 * _SERIES).astype(np.int64)
    bounds = np.minimum(offsets_of(sizes), count)
    series = np.repeat(np.arange(count), np.diff(bounds))
    total = int(series[-1]) + 1
    niche_of_series = np.sort(np.floor(rng.random(total) ** 1.3 * shape.niches).astype(np.int64))
    number = np.arange(count) - bounds[series]
    ranks = np.argsort(rng.random(count), kind="stable").astype(np.float64)
    charm = rng.random(total)[series]  # popular series have popular parts
    weight = (1 + ranks) ** -shape.skew * (0.4 + charm)
    days = shape.end - shape.begin
    chance = rng.random(total)[series]
    # A few series come so late that no training session knows them.
    first = np.where(chance > 0.95, 0.6 * chance + 0.38, chance**1.5 * 0.9 - 0.25)
    step = 0.06 * rng.random(total)[series]
    released = shape.begin + np.maximum(0, np.floor((first + step * number) * days))
    released = np.minimum(released, shape.end - 1).astype(np.int64)
    return World(shape, seed, niche_of_series[series], series, number, released, weight)


def draw(world: World, sessions: int) -> Iterator[Drawn]:
    """Yield that many sessions, some thousands at a time; short ones may lose interactions."""
    for block, first in enumerate(range(0, sessions, BLOCK)):
        rng = np.random.default_rng([world.seed, 1 + block])
        size = min(BLOCK, sessions - first)
        days, lengths = _calendar(world.shape, rng, size)
        items = _walk(world, rng, days, lengths)
        taken = items >= 0
        people = np.broadcast_to(np.arange(first, first + size)[:, None], items.shape)
        yield Drawn(people[taken], items[taken], days[taken])


def _calendar(shape: Shape, rng: np.random.Generator, size: int) -> tuple[Int64, Int64]:
    """Return the day of each interaction, ``int64[size, longest]``, and the sessions' lengths."""
    lengths = np.minimum(np.floor(_quantile(shape.lengths, rng.random(size))), LONGEST)
    lengths = lengths.astype(np.int64)
    longest = int(lengths.max())
    haste = np.minimum(1.0, 12 / lengths)[:, None]  # who takes much takes it quickly
    gaps = np.maximum(1, np.floor(haste * _quantile(shape.gaps, rng.random((size, longest)))))
    gaps[rng.random((size, longest)) < shape.same_day] = 0
    gaps[:, 0] = 0
    within = np.arange(longest) < lengths[:, None]
    after = np.cumsum(gaps * within, axis=1)
    room = np.maximum(shape.end - shape.begin - after[:, -1], 0)
    start = shape.begin + np.floor(room * rng.random(size) ** 0.4)
    days = (start[:, None] + after).astype(np.int64)
    return days, np.count_nonzero(within & (days <= shape.end), axis=1)


def _quantile(points: Sequence[tuple[float, float]], shares: Float64) -> Float64:
    knots, values = np.array(points).T
    values_at: Float64 = np.exp(np.interp(shares, knots, np.log(values)))
    return values_at


def _walk(world: World, rng: np.random.Generator, days: Int64, lengths: Int64) -> Int64:
    """Let everybody take item after item; -1 where there is none."""
    chooser = _Chooser(world, rng)
    size, longest = days.shape
    taken = np.full((size, longest), -1, dtype=np.int64)
    tastes = chooser.niches((size, TASTES))
    mood = np.zeros(size, dtype=np.int64)
    last = np.full(size, -1, dtype=np.int64)
    for step in range(longest):
        people = np.flatnonzero(lengths > step)
        if not len(people):
            break
        drift = people[rng.random(len(people)) < 0.15]
        mood[drift] = np.floor(rng.random(len(drift)) * TASTES).astype(np.int64)
        for _ in range(RETRIES):
            items = chooser.choose(last[people], tastes[people, mood[people]])
            fits = world.released[items] <= days[people, step]
            fits &= ~(taken[people, :step] == items[:, None]).any(axis=1)
            taken[people[fits], step] = items[fits]
            last[people[fits]] = items[fits]
            people = people[~fits]
    return taken


class _Chooser:
    """Draws items by series, niche or popularity."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world, self.rng = world, rng
        self.upto = np.cumsum(world.weight)
        self.series_begin = np.searchsorted(world.series, np.arange(world.series[-1] + 2))
        begin = np.searchsorted(world.niche, np.arange(world.shape.niches + 1))
        self.niche_weight = np.concatenate(([0.0], self.upto))[begin]

    def niches(self, shape: tuple[int, int]) -> Int64:
        """Draw niches by the popularity of their items."""
        return self.world.niche[self._at(self.rng.random(shape) * self.upto[-1])]

    def choose(self, last: Int64, niche: Int64) -> Int64:
        """Draw the next item of people who took `last` (-1: nothing) and like `niche` now."""
        shape, world = self.world.shape, self.world
        how, which = self.rng.random((2, len(last)))
        low, high = self.niche_weight[niche], self.niche_weight[niche + 1]
        items = self._at(low + which * (high - low))
        stray = how > 1 - shape.stray
        items[stray] = self._at(which[stray] * self.upto[-1])
        follow: Bool = (how < shape.follow) & (last >= 0)
        before, chance = last[follow], which[follow]
        start, stop = (self.series_begin[world.series[before] + side] for side in (0, 1))
        onwards = np.minimum(before + 1, stop - 1)
        anywhere = start + np.floor(chance * 2 * (stop - start)).astype(np.int64)
        items[follow] = np.where(chance < 0.5, anywhere, onwards)
        return items

    def _at(self, weights: Float64) -> Int64:
        return np.minimum(np.searchsorted(self.upto, weights, side="right"), len(self.upto) - 1)
