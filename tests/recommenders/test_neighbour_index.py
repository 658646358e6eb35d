"""The search for candidates: which sessions are drawn, and what they share with the prompt."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchkit import Sessions
from benchkit_plugins.recommenders.neighbours.index import NeighbourIndex


def index_of(
    train: list[list[int]],
    size: int,
    seed: int = 0,
    sampling: Literal["random", "recent"] = "random",
) -> NeighbourIndex:
    stamps = [[row] * len(items) for row, items in enumerate(train)]
    rng = np.random.default_rng(seed)
    return NeighbourIndex(Sessions.from_lists(train, stamps), 40, sampling, size, rng)


def drawn(index: NeighbourIndex, prompt: list[int]) -> dict[int, float]:
    """Return the recency of the drawn sessions and their dot products."""
    weights = np.arange(1, len(prompt) + 1, dtype=np.float64)
    found = index.candidates(Sessions.from_lists([prompt]), weights)
    recency = index.recency[found.sessions].tolist()
    return dict(zip(recency, found.similarities.tolist(), strict=True))


@settings(max_examples=200, deadline=None)
@given(
    train=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=40),
    prompt=st.lists(st.integers(0, 9), max_size=6, unique=True),
    size=st.integers(1, 12),
    seed=st.integers(0, 50),
)
def test_a_sample_has_its_size_and_true_dot_products(
    train: list[list[int]], prompt: list[int], size: int, seed: int
) -> None:
    shared = {
        row: float(sum(1 + place for place, item in enumerate(prompt) if item in items))
        for row, items in enumerate(train)
        if set(items) & set(prompt)
    }
    found = drawn(index_of(train, size, seed), prompt)
    assert len(found) == min(size, len(shared))
    assert found.items() <= shared.items()
    recent = drawn(index_of(train, size, seed, "recent"), prompt)
    assert recent == {row: shared[row] for row in sorted(shared)[-size:]}


def test_every_candidate_is_drawn_equally_often() -> None:
    # 30 candidates, of which 0 to 9 share both items; seeds move a sample of 6 among them.
    train = [[0, 1] if row < 10 else [row % 2] for row in range(30)] + [[2]] * 17
    counts: Counter[int] = Counter()
    for seed in range(1500):
        counts.update(list(drawn(index_of(train, 6, seed), [0, 1])))
    assert sorted(counts) == list(range(30))
    # 1,500 samples with probability 1/5: mean 300, standard deviation 15.5.
    assert max(abs(count - 300) for count in counts.values()) < 65


def test_pairs_of_candidates_are_drawn_together_equally_often() -> None:
    train = [[0] for _ in range(6)]
    pairs: Counter[tuple[int, ...]] = Counter()
    for seed in range(1500):
        pairs[tuple(sorted(drawn(index_of(train, 2, seed), [0])))] += 1
    assert len(pairs) == 15
    # 1,500 samples with probability 1/15: mean 100, standard deviation 9.7.
    assert max(abs(count - 100) for count in pairs.values()) < 45


def test_prompts_draw_samples_of_their_own() -> None:
    train = [[0, 1, 2] for _ in range(400)]
    index = index_of(train, 10)
    samples = {tuple(sorted(drawn(index, prompt))) for prompt in ([0], [1], [2], [0, 1], [1, 0])}
    assert len(samples) == 5
    assert sorted(drawn(index, [0])) == sorted(drawn(index, [0]))


def test_popular_items_are_not_read_to_the_end() -> None:
    index = index_of([[0, row % 30 + 1] for row in range(3000)], 50)
    assert index.reads(Sessions.from_lists([[0], [0, 1], [1], []])).tolist() == [50, 100, 50, 0]


def test_training_sessions_are_left_unmodified() -> None:
    train = Sessions.from_lists([[3, 1, 3, 0], [1, 0]])
    before = train.items.copy()
    NeighbourIndex(train, 5, "recent", 3, np.random.default_rng(0))
    assert train.items.tolist() == before.tolist()
