"""The split into training sessions, prompts and ground truth, as the protocol says.

By time over all sessions (paper 7.1.1), or the last item of each session (7.1.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

import numpy as np

from benchkit.contracts.arrays import Bool, Int32, Int64
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import DataError
from benchkit.contracts.protocol import FOLDS, Protocol
from benchkit.contracts.sessions import Sessions, offsets_of
from benchkit.data.split_card import RARE, SplitCard
from benchkit.data.ties import order_ties, tied, ties_with_previous


@dataclass(frozen=True, eq=False)
class Withheld:
    """Sessions to continue, each less its last item.

    Attributes:
        prompts: what recommenders see.
        truth: the withheld items, ``int32[prompts]``, those never trained on too (under the paper's
            protocol there are none): what reads an item's text may list it all the same.
    """

    prompts: Sessions
    truth: Int32

    def drawn(self, number: int | None) -> Withheld:
        """Return so many of the prompts, in their order; None for all.

        It is always the same draw, and a smaller one is part of a larger.
        """
        if number is None or number >= len(self.truth):
            return self
        shuffled = np.random.default_rng(0).permutation(len(self.truth))
        rows = np.sort(shuffled[:number])
        return Withheld(self.prompts.take(rows), self.truth[rows])


@dataclass(frozen=True, eq=False)
class Fold:
    """Training sessions and what to predict after them."""

    train: Sessions
    withheld: Withheld


class SealedError(RuntimeError):
    """The test set was asked for while a configuration is searched: a bug, ours or a plugin's."""


_seals = 0


@contextmanager
def sealed() -> Iterator[None]:
    """Make every test set unreadable within, in the whole process: a search must not see it."""
    global _seals  # noqa: PLW0603 - it is the process that must not look
    _seals += 1
    try:
        yield
    finally:
        _seals -= 1


@dataclass(frozen=True, eq=False)
class Split:
    """Training data, test data, and what the split did."""

    train: Sessions
    _test: Withheld
    card: SplitCard
    protocol: Protocol

    @property
    def test(self) -> Withheld:
        """The test set.

        Raises:
            SealedError: a search is going on in this process.
        """
        if _seals:
            raise SealedError("the test set is sealed while a configuration is searched")
        return self._test

    def folds(self) -> Iterator[Fold]:
        """Yield the folds for tuning.

        Three, forward-chained (paper 7.1.4): training sessions, ordered by their last timestamp,
        fall into four bins as equal as possible, the first ones the larger; fold i trains on bins
        1 to i and validates on bin i + 1. Under leave-one-out it is one fold, which withholds the
        last item once more.
        """
        if self.protocol.leave_one_out:
            train, withheld = _last_items(self.train)
            yield Fold(train, withheld.drawn(self.protocol.max_prompts))
            return
        sizes = np.full(FOLDS + 1, len(self.train) // (FOLDS + 1), dtype=np.int64)
        sizes[: len(self.train) % (FOLDS + 1)] += 1
        edges = offsets_of(sizes)
        for fold in range(1, FOLDS + 1):
            train = self.train.between(0, int(edges[fold]))
            later = self.train.between(int(edges[fold]), int(edges[fold + 1]))
            withheld = withhold(later, trained_items(train), self.protocol).kept
            yield Fold(train, withheld.drawn(self.protocol.max_prompts))

    def item_counts(self, prepared: PreparedDataset) -> Int64:
        """Return popularity as the protocol counts it, ``int64[items]``.

        ``paper``: over the complete data. ``strict``: over training sessions alone.
        """
        if not self.protocol.strict:
            return prepared.item_counts()
        return np.bincount(self.train.items, minlength=len(prepared.catalog))

    def session_counts(self, prepared: PreparedDataset) -> Int64:
        """Return how many sessions contain each item, of the data that `item_counts` counts."""
        counted = self.train if self.protocol.strict else prepared.sessions
        return sessions_with(counted, len(prepared.catalog))


def split_sessions(prepared: PreparedDataset, protocol: Protocol) -> Split:
    """Split prepared data as the protocol says.

    Raises:
        DataError: too few sessions to train on or to test.
    """
    split = leave_one_out if protocol.leave_one_out else temporal_split
    return split(prepared, protocol)


def leave_one_out(prepared: PreparedDataset, protocol: Protocol) -> Split:
    """Withhold the last item of every session of at least two; learn from the items before it.

    Raises:
        DataError: no session has two items.
    """
    sessions = order_ties(prepared, protocol)
    train, test = _last_items(sessions)
    if not len(train):
        raise DataError(f"{prepared.name}: no session has two items, one to withhold")
    dropped = len(sessions) - len(train)
    cut = _Cut(test, dropped, sessions.interactions - train.interactions - len(train), 0)
    card = _card(sessions, train, cut, len(prepared.catalog))
    return Split(train, test.drawn(protocol.max_prompts), card, protocol)


def _last_items(sessions: Sessions) -> tuple[Sessions, Withheld]:
    """Return sessions without their last items, and the same as prompts with the items as truth."""
    full = sessions.take(np.flatnonzero(sessions.lengths >= 2))
    before = full.where(full.distances > 1)
    order = np.argsort(before.last_times, kind="stable")
    last, train = full.items[full.offsets[1:] - 1][order], before.take(order)
    return train, Withheld(train, last)


def temporal_split(prepared: PreparedDataset, protocol: Protocol) -> Split:
    """Split prepared data: the latest sessions, by their last timestamp, are the test set.

    Equal last timestamps are ordered by session id.

    Raises:
        DataError: too few sessions to train on or to test.
    """
    sessions = order_ties(prepared, protocol)
    by_end = sessions.take(np.argsort(sessions.last_times, kind="stable"))
    tested = ceil(protocol.test_share * len(by_end))
    train = by_end.between(0, len(by_end) - tested)
    later = by_end.between(len(by_end) - tested, len(by_end))
    if not len(train):
        raise DataError(f"{prepared.name}: {len(by_end)} sessions are too few to split")
    cut = withhold(later, trained_items(train), protocol)
    if not len(cut.kept.truth):
        raise DataError(
            f"{prepared.name}: no test session has two items that occur in training sessions"
        )
    card = _card(sessions, train, cut, len(prepared.catalog))
    return Split(train, cut.kept.drawn(protocol.max_prompts), card, protocol)


def sessions_with(sessions: Sessions, items: int) -> Int64:
    """Return how many sessions contain each item, ``int64[items]``."""
    pairs = np.unique(sessions.owners * items + sessions.items)
    return np.bincount(pairs % items, minlength=items)


def trained_items(train: Sessions) -> Bool:
    """Return which item codes, up to the largest trained one, occur: ``bool[codes]``."""
    return np.bincount(train.items) > 0


@dataclass(frozen=True, eq=False)
class _Cut:
    kept: Withheld
    dropped_sessions: int
    dropped_interactions: int
    moved_truths: int


def withhold(later: Sessions, trained: Bool, protocol: Protocol) -> _Cut:
    """Withhold the last item of each session.

    ``paper``: items never trained on go first, so the truth may slide to an earlier item; sessions
    left with fewer than two items vanish. ``strict``: the truth is the real last item, prompts
    keep all theirs, as they would in production.
    """
    occurs = np.zeros(max(len(trained), int(later.items.max(initial=-1)) + 1), dtype=bool)
    occurs[: len(trained)] = trained
    seen = occurs[later.items]
    usable = later if protocol.strict else later.where(seen)
    full = np.flatnonzero(usable.lengths >= 2)
    kept = usable.take(full)
    truth = kept.items[kept.offsets[1:] - 1]
    moved = 0 if protocol.strict else int((~seen[later.offsets[1:] - 1][full]).sum())
    return _Cut(
        Withheld(kept.where(kept.distances > 1), truth),
        len(later) - len(full),
        later.interactions - usable.interactions,
        moved,
    )


def _card(sessions: Sessions, train: Sessions, cut: _Cut, items: int) -> SplitCard:
    ties = ties_with_previous(sessions)
    tied_sessions = np.add.reduceat(ties, sessions.offsets[:-1], dtype=np.int64) > 0
    prompts = cut.kept.prompts
    cut_time = int(train.last_times[-1])
    truth = cut.kept.truth
    shown = prompts.items == np.repeat(truth, prompts.lengths)
    trained, truths = np.bincount(train.items, minlength=items), np.bincount(truth)
    return SplitCard(
        sessions=len(sessions),
        items=items,
        interactions=sessions.interactions,
        train_sessions=len(train),
        train_items=int(trained_items(train).sum()),
        train_interactions=train.interactions,
        prompts=len(prompts),
        cut_time=cut_time,
        dropped_test_sessions=cut.dropped_sessions,
        dropped_test_interactions=cut.dropped_interactions,
        moved_truths=cut.moved_truths,
        untrained_truths=int((trained[truth] == 0).sum()),
        rare_truths=float((trained[truth] <= RARE).mean()) if len(truth) else 0.0,
        commonest_truth=int(truths.max(initial=0)),
        commonest_truth_trained=int(trained[truths.argmax()]) if len(truths) else 0,
        tied_interactions=float(tied(sessions).mean()),
        tied_sessions=float(tied_sessions.mean()),
        tied_truths=float(ties[sessions.offsets[1:] - 1].mean()),
        seen_truths=len(np.unique(prompts.owners[shown])),
        repeated_truths=int(shown[prompts.offsets[1:] - 1].sum()),
        prompt_interactions_before_cut=int((prompts.times < cut_time).sum()),
        prompt_interactions=prompts.interactions,
    )
