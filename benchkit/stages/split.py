"""Global temporal split into training sessions, prompts and ground truth (paper 7.1.1, 7.1.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from math import ceil

import numpy as np

from benchkit.contracts.dataset import PreparedDataset, UInt64
from benchkit.contracts.sessions import Bool, Int32, Int64, Sessions, offsets_of
from benchkit.errors import DataError
from benchkit.keys import mix
from benchkit.protocol import FOLDS, Protocol


@dataclass(frozen=True, eq=False)
class Withheld:
    """Sessions to continue, each less its last item.

    Attributes:
        prompts: what recommenders see.
        truth: the withheld items, ``int32[prompts]``; -1 where the item was never trained on and
            so counts as a miss for everybody (strict protocol only).
    """

    prompts: Sessions
    truth: Int32


@dataclass(frozen=True, eq=False)
class Fold:
    """Training sessions and what to predict after them."""

    train: Sessions
    withheld: Withheld


@dataclass(frozen=True)
class SplitCard:
    """What the split did, for a person to judge it by.

    Attributes:
        sessions: sessions in the prepared data.
        items: items in the prepared data.
        interactions: interactions in the prepared data.
        train_sessions: sessions to learn from.
        train_items: items among them.
        train_interactions: interactions among them.
        prompts: test prompts.
        cut_time: last timestamp of the last training session, seconds since 1970.
        dropped_test_sessions: test sessions with too few items left to withhold one.
        dropped_test_interactions: interactions of test sessions with items never trained on.
        moved_truths: prompts whose truth is not the session's real last item.
        unseen_truths: prompts whose truth was never trained on, a miss for everybody.
        tied_interactions: share of interactions that share session and time with another.
        tied_sessions: share of sessions with equal timestamps.
        tied_truths: share of sessions whose last two interactions have equal timestamps.
        prompt_interactions_before_cut: prompt interactions older than the cut time.
        prompt_interactions: interactions in all prompts.
    """

    sessions: int
    items: int
    interactions: int
    train_sessions: int
    train_items: int
    train_interactions: int
    prompts: int
    cut_time: int
    dropped_test_sessions: int
    dropped_test_interactions: int
    moved_truths: int
    unseen_truths: int
    tied_interactions: float
    tied_sessions: float
    tied_truths: float
    prompt_interactions_before_cut: int
    prompt_interactions: int

    def rows(self) -> list[tuple[str, str]]:
        """Return (label, value) pairs as `benchkit data info` prints them."""
        day = datetime.fromtimestamp(self.cut_time, timezone.utc).strftime("%Y-%m-%d")
        older = self.prompt_interactions_before_cut / max(1, self.prompt_interactions)
        return [
            ("sessions", f"{self.sessions:,}"),
            ("items", f"{self.items:,}"),
            ("interactions", f"{self.interactions:,}"),
            ("training sessions", f"{self.train_sessions:,}"),
            ("training items", f"{self.train_items:,}"),
            ("training interactions", f"{self.train_interactions:,}"),
            ("test prompts", f"{self.prompts:,}"),
            ("cut (last training session ends)", day),
            ("test sessions dropped, under two items", f"{self.dropped_test_sessions:,}"),
            ("test interactions dropped, untrained item", f"{self.dropped_test_interactions:,}"),
            ("prompts whose truth moved to an earlier item", f"{self.moved_truths:,}"),
            ("prompts whose truth nobody can hit", f"{self.unseen_truths:,}"),
            ("interactions tied with another in time", f"{self.tied_interactions:.1%}"),
            ("sessions with tied interactions", f"{self.tied_sessions:.1%}"),
            ("sessions whose last two items tie", f"{self.tied_truths:.1%}"),
            ("prompt interactions older than the cut", f"{older:.1%}"),
        ]


@dataclass(frozen=True, eq=False)
class Split:
    """Training data, test data, and what the split did."""

    train: Sessions
    test: Withheld
    card: SplitCard
    protocol: Protocol

    def folds(self) -> Iterator[Fold]:
        """Yield the three forward-chained folds for tuning (paper 7.1.4).

        Training sessions, ordered by their last timestamp, fall into four bins as equal as
        possible, the first ones the larger. Fold i trains on bins 1 to i, validates on bin i + 1.
        """
        sizes = np.full(FOLDS + 1, len(self.train) // (FOLDS + 1), dtype=np.int64)
        sizes[: len(self.train) % (FOLDS + 1)] += 1
        edges = offsets_of(sizes)
        for fold in range(1, FOLDS + 1):
            train = self.train.between(0, int(edges[fold]))
            later = self.train.between(int(edges[fold]), int(edges[fold + 1]))
            yield Fold(train, withhold(later, trained_items(train), self.protocol).kept)

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
        pairs = np.unique(counted.owners * len(prepared.catalog) + counted.items)
        return np.bincount(pairs % len(prepared.catalog), minlength=len(prepared.catalog))


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
    return Split(train, cut.kept, _card(sessions, train, cut, len(prepared.catalog)), protocol)


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
    known = np.zeros(max(len(trained), int(later.items.max(initial=-1)) + 1), dtype=bool)
    known[: len(trained)] = trained
    seen = known[later.items]
    usable = later if protocol.strict else later.where(seen)
    full = np.flatnonzero(usable.lengths >= 2)
    kept = usable.take(full)
    last = kept.items[kept.offsets[1:] - 1]
    truth = np.where(known[last], last, -1).astype(np.int32) if len(last) else last
    moved = 0 if protocol.strict else int((~seen[later.offsets[1:] - 1][full]).sum())
    return _Cut(
        Withheld(kept.where(kept.distances > 1), truth),
        len(later) - len(full),
        later.interactions - usable.interactions,
        moved,
    )


def order_ties(prepared: PreparedDataset, protocol: Protocol) -> Sessions:
    """Return all sessions with interactions of equal time in the protocol's order.

    The published order within a day is arbitrary and not neutral: sorted files make the truth the
    largest id. So ties are ordered by a hash of session id, item id and seed, whatever the file's
    order, unless the protocol says ``file``.
    """
    sessions = prepared.sessions
    tied = np.flatnonzero(_tied(sessions))
    if protocol.ties == "file" or not len(tied):
        return sessions
    # Sorting only what ties keeps the cost proportional to the ties, not to the data.
    starts = ~_ties_with_previous(sessions)
    run = np.cumsum(starts, dtype=np.int32)[tied]
    owners = np.searchsorted(sessions.offsets, tied, side="right") - 1
    keys = mix(
        prepared.session_keys[owners]
        ^ mix(
            prepared.item_keys[sessions.items[tied]]
            ^ mix(np.array([protocol.ties], dtype=np.uint64))
        )
    )
    items = sessions.items.copy()
    items[tied] = items[tied[_order(run, keys)]]
    return Sessions(items, sessions.offsets, sessions.times, sessions.ids)


def _order(runs: Int32, keys: UInt64) -> Int64:
    """Return the rows by ascending (run, key); runs ascend already.

    As much of both as one number holds is sorted, which is quicker; it rarely holds too little.
    """
    bits = np.uint64(int(runs[-1]).bit_length())
    packed = runs.astype(np.uint64) << (np.uint64(64) - bits)
    packed |= keys >> bits
    order = np.argsort(packed)
    packed = packed[order]
    alike = (packed[1:] == packed[:-1]).any()
    return np.lexsort((keys, runs)) if alike else order


def _ties_with_previous(sessions: Sessions) -> Bool:
    """Return whether each interaction has the time of the one before it in its session."""
    ties = np.zeros(sessions.interactions, dtype=bool)
    ties[1:] = sessions.times[1:] == sessions.times[:-1]
    ties[sessions.offsets[:-1][sessions.lengths > 0]] = False
    return ties


def _tied(sessions: Sessions) -> Bool:
    """Return whether each interaction shares its time with another of its session."""
    ties = _ties_with_previous(sessions)
    tied = ties.copy()
    tied[:-1] |= ties[1:]
    return tied


def _card(sessions: Sessions, train: Sessions, cut: _Cut, items: int) -> SplitCard:
    ties = _ties_with_previous(sessions)
    tied_sessions = np.add.reduceat(ties, sessions.offsets[:-1], dtype=np.int64) > 0
    prompts = cut.kept.prompts
    cut_time = int(train.last_times[-1])
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
        unseen_truths=int((cut.kept.truth < 0).sum()),
        tied_interactions=float(_tied(sessions).mean()),
        tied_sessions=float(tied_sessions.mean()),
        tied_truths=float(ties[sessions.offsets[1:] - 1].mean()),
        prompt_interactions_before_cut=int((prompts.times < cut_time).sum()),
        prompt_interactions=prompts.interactions,
    )
