"""Training cases and prompts: sessions laid behind one another, and where a network predicts.

Nothing is padded here: a batch holds real items alone, whatever the lengths of its sessions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchkit import Sessions
from benchkit.contracts.arrays import Bool, Int32, Int64
from benchkit.contracts.sessions import offsets_of


@dataclass(frozen=True, eq=False)
class Batch:
    """Sessions to read and the places where to predict.

    Attributes:
        items: items to read, session behind session, ``int32[positions]``; the number of items
            stands for the mask.
        offsets: where each session begins, ``int64[sessions + 1]``; none is empty.
        where: positions that predict, ascending, ``int64[predictions]``.
        targets: what is right there, ``int32[predictions]``; empty for prompts.
    """

    items: Int32
    offsets: Int64
    where: Int64
    targets: Int32

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def split(self, parts: int) -> Iterator[Batch]:
        """Yield the batch in parts of about as many sessions, leaving out those without targets."""
        edges = np.linspace(0, len(self), parts + 1).astype(np.int64)
        for start, stop in pairwise(edges):
            first, last = self.offsets[start], self.offsets[stop]
            low, high = np.searchsorted(self.where, (first, last))
            if low < high:
                yield Batch(
                    self.items[first:last],
                    self.offsets[start : stop + 1] - first,
                    self.where[low:high] - first,
                    self.targets[low:high],
                )


class Prefixes:
    """The prefixes of at least two items of each session, itself among them.

    They are cut when they are taken: all at once would be many times as large as the sessions.

    Attributes:
        lengths: items of each prefix, ``int64[prefixes]``.
    """

    def __init__(self, sessions: Sessions) -> None:
        ends = np.flatnonzero(sessions.positions > 0)
        self._sessions, self._rows = sessions, sessions.owners[ends]
        self.lengths: Int64 = sessions.positions[ends] + 1

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, rows: Int64) -> Sessions:
        """Return the given prefixes in the given order."""
        whole = self._sessions.take(self._rows[rows])
        return whole.where(whole.positions < np.repeat(self.lengths[rows], whole.lengths))


class Examples(ABC):
    """How a model learns from sessions and what it reads of prompts.

    Attributes:
        items: number of trained items, also the code of the mask.
        last_n_items: items that are read of a prompt.
    """

    def __init__(self, items: int, last_n_items: int) -> None:
        self.items = items
        self.last_n_items = last_n_items

    @abstractmethod
    def cases(self, sessions: Sessions, rows: Int64, draw: np.random.Generator) -> Batch:
        """Return the training cases `rows`, each between 0 and `count`."""

    @abstractmethod
    def count(self, sessions: Sessions) -> int:
        """Return the number of training cases an epoch."""

    @abstractmethod
    def prompts(self, read: Sessions) -> Batch:
        """Return non-empty prompts to predict the next item of."""

    def usable(self, sessions: Sessions) -> Sessions:
        """Return the sessions that have something to predict, cut to what is read and predicted."""
        return sessions.take(np.flatnonzero(sessions.lengths >= 2)).last(self.last_n_items + 1)

    def epoch(
        self, sessions: Sessions, batch_size: int, draw: np.random.Generator
    ) -> Iterator[Batch]:
        """Yield the batches of one epoch, in random order."""
        for rows in in_batches(self.count(sessions), batch_size, draw):
            batch = self.cases(sessions, rows, draw)
            if len(batch.targets):
                yield batch


def in_batches(count: int, batch_size: int, draw: np.random.Generator) -> Iterator[Int64]:
    """Yield the rows of each batch of an epoch, in random order.

    Sessions of like length are not put together: that saves little padding, and GRU4Rec on Beauty
    then validates a seventh worse (NDCG@20, mean of five seeds).
    """
    rows = draw.permutation(count)
    for start in range(0, count, batch_size):
        yield rows[start : start + batch_size]


class NextItem(Examples):
    """Every position predicts the item behind it (GRU4Rec, SASRec)."""

    def count(self, sessions: Sessions) -> int:
        return len(sessions)

    def cases(self, sessions: Sessions, rows: Int64, draw: np.random.Generator) -> Batch:  # noqa: ARG002
        """Return whole sessions: all items but the last are read, all but the first are right."""
        batch = sessions.take(rows)
        last = batch.distances == 1
        inputs = batch.where(~last)
        targets = batch.items[batch.positions > 0]
        return Batch(inputs.items, inputs.offsets, np.arange(len(targets)), targets)

    def prompts(self, read: Sessions) -> Batch:
        """Predict at each prompt's last item."""
        return Batch(read.items, read.offsets, read.offsets[1:] - 1, read.items[:0])


class Cloze(Examples):
    """Masked positions predict the item under the mask (BERT4Rec).

    A session makes eleven cases an epoch: one masks the last item, as prompts do; ten mask each
    item with probability `mask_prob`, drawn again in every epoch.

    Args:
        items: number of trained items.
        last_n_items: items that are read of a prompt.
        mask_prob: see above.
        fill: put masks in front of sessions and prompts, up to `last_n_items` and one; nothing is
            predicted there.
    """

    RANDOM_CASES = 10

    def __init__(
        self, items: int, last_n_items: int, mask_prob: float, *, fill: bool = False
    ) -> None:
        super().__init__(items, last_n_items)
        self.mask_prob, self.fill = mask_prob, fill

    def count(self, sessions: Sessions) -> int:
        return len(sessions) * (1 + self.RANDOM_CASES)

    def cases(self, sessions: Sessions, rows: Int64, draw: np.random.Generator) -> Batch:
        """Return sessions with masks; those below ``len(sessions)`` mask the last item alone."""
        batch = sessions.take(rows % len(sessions))
        at_random = np.repeat(rows >= len(sessions), batch.lengths)
        drawn = draw.random(batch.interactions) < self.mask_prob
        return self._filled(self._masked(batch, np.where(at_random, drawn, batch.distances == 1)))

    def prompts(self, read: Sessions) -> Batch:
        """Put a mask behind each prompt and predict there."""
        offsets = offsets_of(read.lengths + 1)
        items = np.full(offsets[-1], self.items, dtype=np.int32)
        masks = offsets[1:] - 1
        items[np.delete(np.arange(len(items)), masks)] = read.items
        return self._filled(Batch(items, offsets, masks, read.items[:0]))

    def _filled(self, batch: Batch) -> Batch:
        if not self.fill:
            return batch
        width = self.last_n_items + 1
        places = np.arange(width) >= width - np.diff(batch.offsets)[:, None]
        items = np.full(places.shape, self.items, dtype=np.int32)
        items[places] = batch.items
        offsets = np.arange(len(batch) + 1) * width
        return Batch(items.ravel(), offsets, np.flatnonzero(places)[batch.where], batch.targets)

    def _masked(self, batch: Sessions, masked: Bool) -> Batch:
        items = np.where(masked, np.int32(self.items), batch.items)
        return Batch(items, batch.offsets, np.flatnonzero(masked), batch.items[masked])


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Trained items: only they are read, scored and recommended.

    Attributes:
        codes: catalog code of each trained item, ascending, ``int32[items]``.
    """

    codes: Int32

    @classmethod
    def of(cls, train: Sessions) -> Vocabulary:
        return cls(np.unique(train.items))

    def __len__(self) -> int:
        return len(self.codes)

    def encode(self, sessions: Sessions) -> Sessions:
        """Return sessions in dense codes; items never trained on are left out."""
        if not len(self):
            return sessions.where(np.zeros(sessions.interactions, dtype=bool))
        places = np.searchsorted(self.codes, sessions.items).clip(max=len(self) - 1)
        trained = self.codes[places] == sessions.items
        dense = Sessions(places.astype(np.int32), sessions.offsets, sessions.times, sessions.ids)
        return dense if trained.all() else dense.where(trained)
