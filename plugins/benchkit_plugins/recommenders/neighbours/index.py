"""Search for training sessions that share items with a prompt, without scanning them all.

Training sessions are numbered in the order in which sampling takes them: the most recent first, or
shuffled by a seed. An inverted index lists the sessions of each item in that order, as a ring. A
prompt starts at a place of its own, the very first for `recent`, a random one for `random`, and the
sample is the first `sample_size` candidates from there on. So no more than `sample_size` entries of
any item's list are read, however popular the item is: a session among the first `sample_size` of
all candidates is among the first `sample_size` of each of the items that it shares.

Over seeds every sample of a prompt's candidates is equally likely, as if drawn without replacement.
Two prompts with the same candidates may draw overlapping samples: drawing afresh for each would
mean to read every list to its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from benchkit.contracts.arrays import Float64, Int32, Int64
from benchkit.contracts.sessions import Sessions, offsets_of
from benchkit.toolkit.arrays import sequence_keys
from benchkit.toolkit.ranking import kth_largest

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Training sessions that share items with prompts, prompt behind prompt.

    Attributes:
        offsets: where each prompt's neighbours begin, ``int64[prompts + 1]``.
        sessions: their numbers in the index, ``int32[neighbours]``, distinct within a prompt.
        similarities: to the prompt, ``float64[neighbours]``, positive.
    """

    offsets: Int64
    sessions: Int32
    similarities: Float64

    @property
    def owners(self) -> Int64:
        """Row of the prompt that each neighbour belongs to, ``int64[neighbours]``."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


class NeighbourIndex:
    """Inverted index of training sessions.

    Attributes:
        sessions: items of each session as ones, sessions in sampling order, ``[sessions, items]``.
        lengths: distinct items of each session, ``int64[sessions]``.
        recency: place of each session by its last timestamp, the latest has the largest; of equal
            timestamps the later row counts as later. ``int64[sessions]``.
        frequency: sessions that contain each item, ``int64[items]``.
    """

    def __init__(
        self,
        train: Sessions,
        items: int,
        sampling: Literal["random", "recent"],
        sample_size: int,
        rng: np.random.Generator,
    ) -> None:
        by_time = np.argsort(train.last_times, kind="stable")
        shuffled = sampling == "random"
        order = rng.permutation(len(train)) if shuffled else by_time[::-1]
        self._seed = int(rng.integers(1 << 63)) if shuffled else None
        self._sample_size = sample_size
        ranks = np.empty(len(train), dtype=np.int64)
        ranks[by_time] = np.arange(len(train))
        self.recency = ranks[order]
        ordered = train.take(order)
        self.sessions = binary(ordered.items, ordered.offsets, items)
        self.lengths = np.diff(self.sessions.indptr).astype(np.int64)
        self._index(self.sessions.tocsc().indices)

    def _index(self, postings: Int32) -> None:
        """Lay each item's sessions out; long lists repeat their beginning behind their end."""
        count, items = self.sessions.shape
        self.frequency = np.bincount(self.sessions.indices, minlength=items)
        self._firsts = offsets_of(self.frequency)[:-1]
        self._long = self.frequency > self._sample_size
        # One ascending key an entry, (item, session): where to start in a list is then one search.
        self._keys = np.repeat(np.arange(items), self.frequency) * count + postings
        sizes = self.frequency + np.where(self._long, self._sample_size, 0)
        self._ring_firsts = offsets_of(sizes)[:-1]
        places = np.arange(sizes.sum()) - np.repeat(self._ring_firsts, sizes)
        wrapped = places - np.where(
            places >= np.repeat(self.frequency, sizes), np.repeat(self.frequency, sizes), 0
        )
        self._ring = postings[np.repeat(self._firsts, sizes) + wrapped]

    def reads(self, prompts: Sessions) -> Int64:
        """Return how many entries of the index each prompt reads, ``int64[prompts]``."""
        sizes = np.minimum(self.frequency[prompts.items], self._sample_size)
        return np.diff(offsets_of(sizes)[prompts.offsets])

    def candidates(self, prompts: Sessions, weights: Float64) -> Neighbours:
        """Return a sample of the sessions that share an item with each prompt, by dot product.

        Args:
            prompts: distinct trained items a prompt; empty prompts have no candidates.
            weights: the prompt vectors' entries, ``float64[interactions]``.
        """
        starts = self._starts(prompts)
        shared = self._shared(prompts, weights, starts)
        sharing = Neighbours(shared.indptr.astype(np.int64), shared.indices, shared.data)
        if np.diff(sharing.offsets).max(initial=0) <= self._sample_size:
            return sharing
        count = self.sessions.shape[0]
        ahead = -((sharing.sessions - starts[sharing.owners]) % count)
        return take_best(sharing, ahead, self._sample_size)

    def _starts(self, prompts: Sessions) -> Int64:
        if self._seed is None:
            return np.zeros(len(prompts), dtype=np.int64)
        count = np.uint64(self.sessions.shape[0])
        return (sequence_keys(prompts, self._seed) % count).astype(np.int64)

    def _shared(self, prompts: Sessions, weights: Float64, starts: Int64) -> csr_array[np.float64]:
        """Return the weight that each prompt shares with sessions, ``[prompts, sessions]``."""
        from scipy.sparse import csr_array

        count = self.sessions.shape[0]
        codes = prompts.items
        keys = codes.astype(np.int64) * count + starts[prompts.owners]
        skipped = np.searchsorted(self._keys, keys) - self._firsts[codes]
        firsts = self._ring_firsts[codes] + np.where(self._long[codes], skipped, 0)
        sizes = np.minimum(self.frequency[codes], self._sample_size)
        entries = self._ring[spans(firsts, sizes)]
        lists = csr_array(
            (np.ones(len(entries)), entries, offsets_of(sizes)), shape=(len(codes), count)
        )
        rows = csr_array(
            (weights, np.arange(len(codes)), prompts.offsets), shape=(len(prompts), len(codes))
        )
        return cast("csr_array[np.float64]", rows @ lists)


def take_best(neighbours: Neighbours, keys: npt.NDArray[Any], k: int) -> Neighbours:
    """Return each prompt's neighbours with the `k` largest keys; a prompt's keys are distinct."""
    best = keys >= kth_largest(keys, neighbours.offsets, k)[neighbours.owners]
    counts = np.concatenate(([0], np.cumsum(best)))
    return Neighbours(
        counts[neighbours.offsets], neighbours.sessions[best], neighbours.similarities[best]
    )


def binary(codes: Int32, offsets: Int64, items: int) -> csr_array[np.float64]:
    """Return which items occur in each ragged row of codes as ones, ``[rows, items]``."""
    from scipy.sparse import csr_array

    shape = (len(offsets) - 1, items)
    matrix = csr_array((np.ones(len(codes)), codes, offsets), shape=shape, copy=True)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def spans(firsts: Int64, sizes: Int64) -> Int64:
    """Return the numbers ``firsts[i] .. firsts[i] + sizes[i] - 1`` for one i after another."""
    offsets = offsets_of(sizes)
    return np.arange(offsets[-1]) + np.repeat(firsts - offsets[:-1], sizes)
