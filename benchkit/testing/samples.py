"""Small made-up inputs for the conformance checks."""

from __future__ import annotations

import numpy as np

from benchkit.contracts.arrays import Float32, Int32
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.metric import RankedLists
from benchkit.contracts.sessions import Sessions, offsets_of
from benchkit.evaluation.bench import Workbench
from benchkit.testing.checks import Array

ITEMS = 30
UNTRAINED = (5, 27, 28, 29)
CYCLE = 20

# Titles are hostile text, and some are no words at all.
TEXTS = (
    "Rose hand cream",
    "Rose hand lotion",
    "<script>alert('x')</script>",
    "日本語のタイトル",
    "\u202eright to left\x1b[31m",
    "a",
    "...",
    "many words " * 200,
)


def catalog(items: int = ITEMS) -> Catalog:
    """Return a catalog in which items next to each other share words, classes and attributes."""
    texts = [f"part{i} part{(i + 1) % items} tale" for i in range(items)]
    return Catalog(
        ids=[f"i{i:03}" for i in range(items)],
        titles=texts,
        texts=texts,
        classes=[f"class{i // 4}" for i in range(items)],
        attribute_offsets=np.arange(items + 1, dtype=np.int64),
        attribute_codes=(np.arange(items) // 4).astype(np.int32),
        attribute_names=[f"genre{i}" for i in range(items // 4 + 1)],
    )


def bench(train: Sessions, items: int = ITEMS, seed: int = 7) -> Workbench:
    """Return a bench around training sessions; every item counts once more than it occurs."""
    counts = np.bincount(train.items, minlength=items) + 1
    return Workbench(catalog(items), train, counts, seed=seed)


def sessions(seed: int, count: int = 80) -> Sessions:
    """Return sessions of 1 to 12 trained items, ordered by their last timestamp."""
    rng = np.random.default_rng(seed)
    trained = np.setdiff1d(np.arange(ITEMS), UNTRAINED)
    rows = [rng.choice(trained, size=rng.integers(1, 13)) for _ in range(count)]
    # Every trained item occurs, whatever was drawn.
    rows[0] = trained
    return in_order(rows)


def cycle_sessions(count: int = 300) -> Sessions:
    """Return sessions that walk around the cycle 0, 1, 2, ..., 19, 0 from anywhere."""
    rng = np.random.default_rng(3)
    starts = rng.integers(0, CYCLE, size=count)
    lengths = rng.integers(4, 9, size=count)
    return in_order([(s + np.arange(n)) % CYCLE for s, n in zip(starts, lengths, strict=True)])


def cycle_prompts() -> Sessions:
    """Return three steps of the cycle from each item."""
    return Sessions.from_lists([[(s + d) % CYCLE for d in range(3)] for s in range(CYCLE)])


def prompts() -> Sessions:
    """Return prompts of all sorts: empty, repeated items, untrained items, long ones."""
    return Sessions.from_lists(
        [
            [0],
            [1, 2, 3],
            [],
            [4, 4, 4],
            [UNTRAINED[0]],
            [6, UNTRAINED[1], 7],
            list(UNTRAINED),
            [*range(ITEMS)] * 3,
            [26, 25, 24, 23],
            [9, 8, 9, 8],
        ]
    )


def in_order(rows: list[Array]) -> Sessions:
    """Return sessions one after another in time."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    items = np.concatenate(rows).astype(np.int32)
    times = 1_500_000_000 + 60 * np.arange(len(items), dtype=np.int64)
    return Sessions(items, offsets_of(lengths), times, np.arange(len(rows), dtype=np.int32))


def ranked_lists(count: int = 40, depth: int = 12, seed: int = 5) -> RankedLists:
    """Return random lists, some short, some empty, some right, beside the truth."""
    rng = np.random.default_rng(seed)
    items = np.stack([rng.permutation(ITEMS)[:depth] for _ in range(count)]).astype(np.int32)
    lengths = rng.integers(0, depth + 1, size=count)
    items[np.arange(depth) >= lengths[:, None]] = -1
    truth = rng.integers(0, ITEMS, size=count).astype(np.int32)
    right = (np.arange(count) % 3 == 0) & (lengths > 0)
    truth[right] = items[right, 0]
    return lists_of(items, truth)


def lists_of(items: Int32, truth: Int32) -> RankedLists:
    """Return lists beside the truth, with skewed item counts."""
    counts = np.maximum(1, 1000 // np.arange(1, ITEMS + 1) ** 2)
    return RankedLists(items, truth, counts.astype(np.int64), catalog())


def vectors(rows: int, seed: int = 11, dim: int = 16) -> Float32:
    """Return vectors with some structure: a few directions matter, the rest is noise."""
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(1).normal(size=(4, dim))
    mixed = rng.normal(size=(rows, 4)) @ basis + 0.1 * rng.normal(size=(rows, dim))
    return mixed.astype(np.float32)
