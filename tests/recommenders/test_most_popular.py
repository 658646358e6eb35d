"""MostPopular, on sessions worked by hand."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from benchkit import Sessions
from benchkit.testing.recommender import RecommenderConformance
from benchkit_plugins.recommenders import most_popular
from benchkit_plugins.recommenders.most_popular import MostPopular
from tests.recommenders.fitting import fitted, ranked

# Item 3 occurs three times, 1 and 2 twice, 0 and 5 once; 4 and above 5 never.
TRAIN = [[3, 1, 3], [2, 3, 0], [5, 2, 1]]


class TestConformance(RecommenderConformance):
    component = MostPopular
    config: ClassVar[dict[str, Any]] = {}
    learns = "non-personalised"


def test_items_go_by_interactions_then_code() -> None:
    assert ranked(fitted(MostPopular, TRAIN), []) == [(3, 3), (1, 2), (2, 2), (0, 1), (5, 1)]


def test_every_prompt_gets_the_same_list() -> None:
    model = fitted(MostPopular, TRAIN)
    assert ranked(model, [3, 9, 1], k=2) == ranked(model, [], k=2) == [(3, 3), (1, 2)]


@pytest.mark.parametrize("exclude_seen", ["read", "prompt"])
def test_excluded_items_make_room(exclude_seen: str) -> None:
    model = fitted(MostPopular, TRAIN, exclude_seen=exclude_seen)
    assert [item for item, _ in ranked(model, [3, 2, 3, 8], k=2)] == [1, 0]
    assert [item for item, _ in ranked(model, [1, 2, 3, 5], k=2)] == [0]


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted(MostPopular, TRAIN, exclude_seen="prompt")
    prompts = Sessions.from_lists([[3], [], [1, 2], [0, 1, 2, 3, 5]])
    together = model.recommend(prompts, 3)
    monkeypatch.setattr(most_popular, "_BATCH", 1)
    np.testing.assert_array_equal(together.items, model.recommend(prompts, 3).items)
    assert together.items.tolist() == [[1, 2, 0], [3, 1, 2], [3, 0, 5], [-1, -1, -1]]
