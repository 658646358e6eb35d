"""Sessions as compact arrays: many ragged sequences of items behind one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchkit.contracts.arrays import Bool, Int32, Int64


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sequences of item codes in time order.

    Session `s` holds `items[offsets[s]:offsets[s + 1]]`. The arrays are shared, never changed:
    treat them as read-only.

    Attributes:
        items: item codes, ``int32[interactions]``.
        offsets: where each session begins, ``int64[sessions + 1]``, from 0 to interactions.
        times: seconds since 1970, ``int64[interactions]``, ascending within a session.
        ids: code of each session in the prepared data, ``int32[sessions]``.
    """

    items: Int32
    offsets: Int64
    times: Int64
    ids: Int32

    def __post_init__(self) -> None:
        assert self.items.dtype == np.int32, self.items.dtype
        assert self.offsets.dtype == np.int64, self.offsets.dtype
        assert len(self.items) == len(self.times) == self.offsets[-1] - self.offsets[0]
        assert self.offsets[0] == 0
        assert len(self.ids) == len(self.offsets) - 1

    @classmethod
    def from_lists(
        cls, items: Iterable[Sequence[int]], times: Iterable[Sequence[int]] | None = None
    ) -> Sessions:
        """Build sessions from lists of item codes; without `times`, positions serve as times."""
        rows = [list(row) for row in items]
        stamps = (
            [range(len(row)) for row in rows] if times is None else [list(row) for row in times]
        )
        return cls(
            np.array([code for row in rows for code in row], dtype=np.int32),
            offsets_of(np.array([len(row) for row in rows], dtype=np.int64)),
            np.array([stamp for row in stamps for stamp in row], dtype=np.int64),
            np.arange(len(rows), dtype=np.int32),
        )

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self.offsets) - 1

    def __getitem__(self, session: int) -> Int32:
        """Return the item codes of one session, as a view."""
        return self.items[self.offsets[session] : self.offsets[session + 1]]

    @property
    def interactions(self) -> int:
        """Number of interactions in all sessions."""
        return len(self.items)

    @property
    def lengths(self) -> Int64:
        """Interactions of each session, ``int64[sessions]``."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> Int64:
        """Row of the session that each interaction belongs to, ``int64[interactions]``."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    @property
    def positions(self) -> Int64:
        """Place of each interaction in its session, from 0, ``int64[interactions]``."""
        return np.arange(self.interactions, dtype=np.int64) - np.repeat(
            self.offsets[:-1], self.lengths
        )

    @property
    def distances(self) -> Int64:
        """Distance of each interaction from its session's end, the last 1, ``int64[...]``."""
        return np.repeat(self.offsets[1:], self.lengths) - np.arange(
            self.interactions, dtype=np.int64
        )

    @property
    def last_times(self) -> Int64:
        """Last timestamp of each session, ``int64[sessions]``; no session may be empty."""
        return self.times[self.offsets[1:] - 1]

    def between(self, start: int, stop: int) -> Sessions:
        """Return sessions `start` to `stop` (exclusive) as views: nothing is copied but offsets."""
        first, last = self.offsets[start], self.offsets[stop]
        return Sessions(
            self.items[first:last],
            self.offsets[start : stop + 1] - first,
            self.times[first:last],
            self.ids[start:stop],
        )

    def take(self, rows: Int64) -> Sessions:
        """Return the given sessions in the given order."""
        lengths = self.lengths[rows]
        offsets = offsets_of(lengths)
        index = np.arange(offsets[-1], dtype=np.int64) + np.repeat(
            self.offsets[:-1][rows] - offsets[:-1], lengths
        )
        return Sessions(self.items[index], offsets, self.times[index], self.ids[rows])

    def where(self, keep: Bool) -> Sessions:
        """Return the same sessions with only the interactions that `keep` marks.

        A session that loses all its interactions stays, empty.
        """
        kept = np.concatenate(([0], np.cumsum(keep, dtype=np.int64)))
        return Sessions(self.items[keep], kept[self.offsets], self.times[keep], self.ids)

    def last(self, n: int | None) -> Sessions:
        """Return the last `n` interactions of each session; all of them when `n` is None."""
        return self if n is None else self.where(self.distances <= n)


def offsets_of(lengths: Int64) -> Int64:
    """Return ``int64[n + 1]`` offsets of rows of the given lengths laid behind one another."""
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
