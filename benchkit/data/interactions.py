"""Interactions as three arrays of equal length, and the steps that make sessions of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchkit.contracts.arrays import Bool, Int32, Int64

DAY = 86_400


@dataclass(frozen=True, eq=False)
class Interactions:
    """Who, what, when: row by row.

    Attributes:
        sessions: session codes, ``int32[rows]``.
        items: item codes, ``int32[rows]``.
        times: seconds since 1970, ``int64[rows]``.
    """

    sessions: Int32
    items: Int32
    times: Int64

    def __len__(self) -> int:
        return len(self.items)

    def where(self, keep: Bool | Int64) -> Interactions:
        """Return the rows that a mask marks, or an array of row numbers lists."""
        return Interactions(self.sessions[keep], self.items[keep], self.times[keep])


def in_order(rows: Interactions) -> Interactions:
    """Order by session and time; ties stay in their order."""
    if not len(rows):
        return rows
    earliest = rows.times.min()
    unit = DAY if not (rows.times % DAY).any() else 1
    ticks = (rows.times - earliest) // unit  # counts days, where days are all there is
    return rows.where(_stable_order(rows.sessions, ticks))


def drop_repeats(rows: Interactions) -> Interactions:
    """Keep the first row of each (session, item) pair."""
    order = _stable_order(rows.sessions, rows.items)
    sessions, items = rows.sessions[order], rows.items[order]
    again = (sessions[1:] == sessions[:-1]) & (items[1:] == items[:-1])
    keep = np.ones(len(rows), dtype=np.bool_)
    keep[order[1:][again]] = False
    return rows.where(keep)


def p_core(rows: Interactions, least: int) -> Interactions:
    """Drop sessions under `least` interactions, then items, alternately, until nothing changes."""
    before = len(rows) + 1
    while least > 1 and len(rows) < before:
        before = len(rows)
        rows = long_sessions(rows, least)
        often = np.bincount(rows.items) >= least
        rows = rows if often.all() else rows.where(often[rows.items])
    return rows


def long_sessions(rows: Interactions, least: int) -> Interactions:
    """Drop sessions under `least` interactions, once."""
    if least <= 1 or not len(rows):
        return rows
    enough = np.bincount(rows.sessions) >= least
    return rows.where(enough[rows.sessions])


def recoded(rows: Interactions) -> tuple[Interactions, Int64, Int64]:
    """Close the gaps in the codes; return also the old codes of sessions and of items."""
    sessions, old_sessions = _dense(rows.sessions)
    items, old_items = _dense(rows.items)
    return Interactions(sessions, items, rows.times), old_sessions, old_items


def sorted_within_ties(rows: Interactions) -> tuple[Int32, int]:
    """Return the items of ordered rows, those of equal session and time in ascending order.

    Return also how many rows repeat another in session, item and time.
    """
    new = np.ones(len(rows), dtype=np.bool_)
    new[1:] = (np.diff(rows.sessions) != 0) | (np.diff(rows.times) != 0)
    packed = np.cumsum(new, dtype=np.int64) << 32
    packed |= rows.items
    packed.sort()
    repeated = int(np.count_nonzero(packed[1:] == packed[:-1]))
    return (packed & 0xFFFFFFFF).astype(np.int32), repeated


def _dense(codes: Int32) -> tuple[Int32, Int64]:
    present = np.bincount(codes) > 0
    old = np.flatnonzero(present)
    new = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return new[codes], old


def _stable_order(major: Int32, minor: Int32 | Int64) -> Int64:
    """Return the rows by ascending (major, minor, row).

    The three are packed into one number where they fit, because sorting numbers is several times
    faster than sorting their places.
    """
    if not len(major):
        return np.zeros(0, dtype=np.int64)
    row_bits = len(major).bit_length()
    minor_bits = int(minor.max()).bit_length()
    if int(major.max()).bit_length() + minor_bits + row_bits > 63:
        return np.lexsort((minor, major))
    packed = major.astype(np.int64) << (minor_bits + row_bits)
    packed |= minor.astype(np.int64) << row_bits
    packed |= np.arange(len(major), dtype=np.int64)
    packed.sort()
    packed &= (1 << row_bits) - 1
    return packed
