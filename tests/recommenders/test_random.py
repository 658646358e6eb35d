"""Random: even, reproducible, and of trained items."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from benchkit import Sessions
from benchkit_plugins.recommenders import random
from benchkit_plugins.recommenders.random import Random
from tests.conforming import RecommenderConformance
from tests.recommenders.fitting import fitted, ranked

TRAIN = [[0, 1, 2], [3, 4], [5, 6, 7]]


class TestConformance(RecommenderConformance):
    component = Random
    config: ClassVar[dict[str, Any]] = {}
    learns = "chance"


def test_a_list_is_an_order_of_the_trained_items() -> None:
    assert sorted(item for item, _ in ranked(fitted(Random, TRAIN), [0, 9])) == list(range(8))


def test_every_item_is_equally_often_at_every_place() -> None:
    prompts = Sessions.from_lists([[a, b] for a in range(100) for b in range(40)])
    items = fitted(Random, TRAIN, items=100).recommend(prompts, 8).items
    for place in range(8):
        counts = np.bincount(items[:, place], minlength=8)
        # 4,000 draws with probability 1/8: mean 500, standard deviation 21.
        assert np.abs(counts - 500).max() < 90


def test_seed_and_prompt_and_order_matter() -> None:
    lists = [
        str(ranked(fitted(Random, TRAIN, seed=seed), prompt))
        for seed in (0, 1)
        for prompt in ([], [0], [0, 1], [1, 0], [0, 0])
    ]
    assert len(set(lists)) == len(lists)
    assert lists[0] == str(ranked(fitted(Random, TRAIN), []))


def test_seen_items_stay_unless_excluded() -> None:
    prompt = list(range(7))
    assert len(ranked(fitted(Random, TRAIN), prompt)) == 8
    assert [i for i, _ in ranked(fitted(Random, TRAIN, exclude_seen="prompt"), prompt)] == [7]


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    model, prompts = fitted(Random, TRAIN), Sessions.from_lists([[0], [], [1, 2], [0]])
    together = model.recommend(prompts, 5)
    monkeypatch.setattr(random, "_BATCH", 1)
    single = model.recommend(prompts, 5)
    np.testing.assert_array_equal(together.items, single.items)
    assert together.items[0].tolist() == together.items[3].tolist()
