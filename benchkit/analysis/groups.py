"""Prompts in groups by a whole number: every prompt in exactly one group, no group nearly empty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchkit.contracts.arrays import Int64


@dataclass(frozen=True)
class Group:
    """Prompts whose value lies in a range.

    Attributes:
        label: the range as printed: ``4``, ``6-7``, ``21+``; or a word for a value of its own.
        low: smallest value.
        high: largest value, included.
    """

    label: str
    low: int
    high: int


def members(groups: Sequence[Group], values: Int64) -> Int64:
    """Return the place of each value's group, ``int64[values]``.

    Args:
        groups: groups that hold every value, each once.
        values: one whole number a prompt, ``int64[values]``.
    """
    places = np.full(len(values), -1, dtype=np.int64)
    for place, group in enumerate(groups):
        places[(group.low <= values) & (values <= group.high)] = place
    assert not (places < 0).any()
    return places


def by_quantiles(values: Int64, parts: int, least: int) -> list[Group]:
    """Return at most `parts` groups of about as many prompts each; equal values stay together.

    Args:
        values: one whole number a prompt, ``int64[prompts]``, at least one.
        parts: how many groups to aim at.
        least: a group with fewer prompts joins a neighbour.
    """
    distinct, counts = np.unique(values, return_counts=True)
    below = np.cumsum(counts) - counts
    aims = np.arange(1, parts) / parts * len(values)
    starts = distinct[[int(np.abs(below - aim).argmin()) for aim in aims]]
    return by_starts(values, starts.tolist(), least)


def by_starts(values: Int64, starts: Iterable[int], least: int) -> list[Group]:
    """Return groups that begin at the given values, as far as prompts fill them.

    The smallest group joins the smaller of its neighbours until all are filled, so a few values
    become one group.

    Args:
        values: one whole number a prompt, ``int64[prompts]``, at least one.
        starts: where groups should begin.
        least: prompts that a group has at least.
    """
    lowest, highest = int(values.min()), int(values.max())
    edges = sorted({lowest, *(int(start) for start in starts if lowest < start <= highest)})
    counts = np.bincount(np.searchsorted(edges, values, side="right") - 1).tolist()
    while len(edges) > 1 and min(counts) < least:
        _join(edges, counts, counts.index(min(counts)))
    ends = [*(edge - 1 for edge in edges[1:]), highest]
    return [
        Group(_label(low, high, high == highest), low, high)
        for low, high in zip(edges, ends, strict=True)
    ]


def _join(edges: list[int], counts: list[int], place: int) -> None:
    """Join a group with the smaller of its neighbours."""
    if place == 0:
        place = 1
    elif place + 1 < len(counts) and counts[place + 1] < counts[place - 1]:
        place += 1
    counts[place - 1] += counts.pop(place)
    edges.pop(place)


def _label(low: int, high: int, last: bool) -> str:
    if low == high:
        return str(low)
    return f"{low}+" if last else f"{low}-{high}"
