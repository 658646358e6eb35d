"""Inputs of S3-Rec's pre-training: prefixes of sessions with masks, and the items' attributes.

K. Zhou et al., CIKM 2020, section 4.2. As in its authors' code, each prefix of a session is a
case of its own, its last item is always masked, and a segment holds at most half of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchkit import Sessions
from benchkit.contracts.arrays import Bool, Int32, Int64
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.sessions import offsets_of
from benchkit_plugins.recommenders.neural.examples import Batch


@dataclass(frozen=True, eq=False)
class Attributes:
    """Attributes of the trained items, those apart that occur on none, or on all that have any.

    An attribute of every item tells none from another: on Beauty, the root of the categories.

    Attributes:
        offsets: where each item's attributes begin, ``int64[items + 1]``.
        codes: attributes of all items, ascending within an item, ``int64[...]``.
        count: how many different attributes there are.
    """

    offsets: Int64
    codes: Int64
    count: int

    @classmethod
    def of(cls, catalog: Catalog, items: Int32) -> Attributes:
        owners, places = _spread(catalog.attribute_offsets, items)
        # An attribute counts once an item.
        pairs = np.unique(np.stack([owners, catalog.attribute_codes[places]]), axis=1)
        frequencies = np.bincount(pairs[1])
        owners, codes = pairs[:, frequencies[pairs[1]] < len(np.unique(owners))]
        names, dense = np.unique(codes, return_inverse=True)
        return cls(offsets_of(np.bincount(owners, minlength=len(items))), dense, len(names))

    def described(self, items: Int32) -> Bool:
        """Return which items have attributes."""
        has_any: Bool = self.offsets[items] < self.offsets[items + 1]
        return has_any

    def pairs(self, items: Int32) -> tuple[Int64, Int64]:
        """Return (place in `items`, attribute) of each of their attributes."""
        owners, places = _spread(self.offsets, items)
        return owners, self.codes[places]


@dataclass(frozen=True, eq=False)
class MaskedBatch:
    """Cases of pre-training, each read four times.

    Attributes:
        readings: each session with single items masked, then each with a segment masked, then the
            segments alone in the masked rest, then foreign segments in their places; `where` and
            `targets` tell of the first reading.
        shown: items that are not masked there, ``int32[...]``.
        wrong: another item for each mask, ``int32[predictions]``.
        paired: cases whose foreign segment is one of another session, ``int64[...]``.
    """

    readings: Batch
    shown: Int32
    wrong: Int32
    paired: Int64

    def __len__(self) -> int:
        return len(self.readings) // 4

    def split(self, parts: int) -> Iterator[MaskedBatch]:
        """Yield the batch in parts of about as many cases."""
        edges = np.unique(np.linspace(0, len(self), parts + 1).astype(np.int64))
        for start, stop in pairwise(edges):
            yield self._between(start, stop)

    def _between(self, start: int, stop: int) -> MaskedBatch:
        read = self.readings
        first, last = read.offsets[start], read.offsets[stop]
        low, high = np.searchsorted(read.where, (first, last))
        left, right = np.searchsorted(self.paired, (start, stop))
        readings = Batch(
            read.items.reshape(4, -1)[:, first:last].ravel(),
            offsets_of(np.tile(np.diff(read.offsets[start : stop + 1]), 4)),
            read.where[low:high] - first,
            read.targets[low:high],
        )
        return MaskedBatch(
            readings,
            self.shown[first - low : last - high],  # whatever is not masked, in order
            self.wrong[low:high],
            self.paired[left:right] - start,
        )


def mask(batch: Sessions, items: int, share: float, draw: np.random.Generator) -> MaskedBatch:
    """Return the readings of some cases.

    Args:
        batch: cases, none of them empty.
        items: number of items, also the code of the mask.
        share: probability that an item is masked, the last one apart, which always is.
        draw: what decides the rest.
    """
    hidden = (draw.random(batch.interactions) < share) | (batch.distances == 1)
    right = batch.items[hidden]
    single = np.where(hidden, np.int32(items), batch.items)
    # Any item but the right one.
    wrong = (right + draw.integers(1, max(2, items), size=len(right))) % items
    context, segments, foreign, paired = cut_segments(batch, items, draw)
    readings = Batch(
        np.concatenate([single, context, segments, foreign]),
        offsets_of(np.tile(batch.lengths, 4)),
        np.flatnonzero(hidden),
        right,
    )
    return MaskedBatch(readings, batch.items[~hidden], wrong.astype(np.int32), paired)


def cut_segments(
    batch: Sessions, items: int, draw: np.random.Generator
) -> tuple[Int32, Int32, Int32, Int64]:
    """Cut a segment out of each session, and one as long out of the session behind it.

    Returns:
        The sessions without their segments, the segments in their places, the foreign ones there,
        all ``int32[positions]`` with masks other_starts; and the rows whose foreign segment comes
        from another session, for two cases may be prefixes of one.
    """
    rows = np.arange(len(batch))
    next_rows = np.roll(rows, -1)
    shorter = np.minimum(batch.lengths, batch.lengths[next_rows])
    sizes = draw.integers(1, np.maximum(1, shorter // 2) + 1)
    starts = draw.integers(0, batch.lengths - sizes + 1)
    other_starts = batch.offsets[:-1][next_rows]
    other_starts = other_starts + draw.integers(0, batch.lengths[next_rows] - sizes + 1)
    place = batch.positions - np.repeat(starts, batch.lengths)  # within the segment
    inside = (place >= 0) & (place < np.repeat(sizes, batch.lengths))
    context = np.where(inside, np.int32(items), batch.items)
    segments = np.where(inside, batch.items, np.int32(items))
    foreign = np.full_like(segments, items)
    foreign[inside] = batch.items[(np.repeat(other_starts, batch.lengths) + place)[inside]]
    return context, segments, foreign, np.flatnonzero(batch.ids != batch.ids[next_rows])


def _spread(offsets: Int64, rows: Int32) -> tuple[Int64, Int64]:
    """Return (place in `rows`, index) of everything that ragged rows hold."""
    lengths = np.diff(offsets)[rows]
    ends = offsets_of(lengths)
    owners = np.repeat(np.arange(len(rows), dtype=np.int64), lengths)
    return owners, np.arange(ends[-1]) + np.repeat(offsets[rows] - ends[:-1], lengths)
