"""S-SKNN, on sessions worked by hand."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar

from benchkit_plugins.recommenders.s_sknn import SSKNN
from benchkit_plugins.recommenders.sknn import SKNN
from tests.conforming import RecommenderConformance
from tests.recommenders.fitting import fitted, ranked, scores

TRAIN = [[0, 3], [1, 4], [2, 5], [2, 0, 6]]


class TestConformance(RecommenderConformance):
    component = SSKNN
    config: ClassVar[dict[str, Any]] = {"sample_size": 20, "k": 10}


def test_votes_are_weighted_by_the_place_of_the_latest_shared_item() -> None:
    found = ranked(fitted(SSKNN, TRAIN, similarity="dot"), [0, 1, 2])
    assert dict(found) == scores({3: 1 / 3, 4: 2 / 3, 5: 1, 6: 2})


def test_weights_multiply_cosines() -> None:
    found = ranked(fitted(SSKNN, TRAIN), [0, 1, 2])
    assert dict(found) == scores({3: 1 / sqrt(6) / 3, 4: 2 / sqrt(6) / 3, 5: 1 / sqrt(6), 6: 2 / 3})


def test_neighbours_are_chosen_before_weighting() -> None:
    # Both sessions are equally similar, the more recent one counts, though it shares an early item.
    model = fitted(SSKNN, [[1, 4], [0, 3]], k=1)
    assert [item for item, _ in ranked(model, [0, 1])] == [3]


def test_places_count_distinct_trained_items() -> None:
    model = fitted(SSKNN, TRAIN)
    assert ranked(model, [9, 0, 8, 1, 0, 2, 1]) == ranked(model, [0, 1, 2])


def test_one_item_prompts_are_those_of_sknn() -> None:
    assert ranked(fitted(SSKNN, TRAIN), [2]) == ranked(fitted(SKNN, TRAIN), [2])
