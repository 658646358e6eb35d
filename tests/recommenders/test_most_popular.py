"""MostPopular, on sessions worked by hand."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from benchkit import Sessions
from benchkit_plugins.recommenders import most_popular
from benchkit_plugins.recommenders.most_popular import MostPopular
from tests.conforming import RecommenderConformance
from tests.recommenders.fitting import fitted, ranked
from tests.recommenders.naive import in_tie_order

# Item 3 occurs three times, 1 and 2 twice, 0 and 5 once; 4 and above 5 never.
TRAIN = [[3, 1, 3], [2, 3, 0], [5, 2, 1]]


class TestConformance(RecommenderConformance):
    component = MostPopular
    config: ClassVar[dict[str, Any]] = {}
    learns = "non-personalised"


@pytest.mark.parametrize("prompt", [[], [3, 9, 1], [4], [7, 7]])
def test_items_go_by_interactions_and_equals_as_everywhere(prompt: list[int]) -> None:
    twice, once = in_tie_order(prompt, [1, 2]), in_tie_order(prompt, [0, 5])
    expected = [(3, 3), *((item, 2) for item in twice), *((item, 1) for item in once)]
    model = fitted(MostPopular, TRAIN)
    for k in range(1, 6):
        assert ranked(model, prompt, k) == expected[:k]


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
    assert [sorted(row) for row in together.items.tolist()][1:] == [[1, 2, 3], [0, 3, 5], [-1] * 3]
