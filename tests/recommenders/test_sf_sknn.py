"""SF-SKNN, on sessions worked by hand."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchkit import Sessions
from benchkit_plugins.recommenders.sf_sknn import SFSKNN, followers
from tests.conforming import RecommenderConformance
from tests.recommenders.fitting import fitted, ranked

TRAIN = [[0, 1, 2], [1, 3, 0], [4, 1, 1, 5], [6, 7]]


class TestConformance(RecommenderConformance):
    component = SFSKNN
    config: ClassVar[dict[str, Any]] = {"sample_size": 20, "k": 10}


def test_only_direct_successors_of_the_last_item_are_listed() -> None:
    # After 1 came 2, 3, 1 and 5; 0 and 4 are neighbours' items that never directly followed it.
    found = ranked(fitted(SFSKNN, TRAIN, similarity="dot"), [1])
    assert dict(found) == {2: 1, 3: 1, 5: 1}


def test_scores_are_those_of_sknn() -> None:
    found = ranked(fitted(SFSKNN, TRAIN, similarity="dot"), [0, 1])
    assert dict(found) == {2: 2, 3: 2, 5: 1}


def test_successors_may_come_from_sessions_that_are_no_neighbours() -> None:
    # Only the last session is a neighbour. It does not have 2 directly after 1, the first one has.
    train = [[1, 2], [1, 9, 2]]
    model = fitted(SFSKNN, train, sampling="recent", sample_size=1)
    assert {item for item, _ in ranked(model, [1])} == {2, 9}


def test_a_repeated_item_follows_itself() -> None:
    model = fitted(SFSKNN, TRAIN, similarity="dot", exclude_seen="none")
    assert dict(ranked(model, [1])) == {1: 3, 2: 1, 3: 1, 5: 1}


def test_nothing_fills_up() -> None:
    model = fitted(SFSKNN, TRAIN)
    assert ranked(model, [6, 7]) == []
    assert ranked(model, [9]) == []
    assert ranked(model, []) == []


def test_the_last_item_is_the_last_trained_distinct_one() -> None:
    model = fitted(SFSKNN, TRAIN)
    assert dict(ranked(model, [0, 6, 0, 9])) == dict(ranked(model, [0, 6])) != {}


def test_followers_never_cross_sessions() -> None:
    train = Sessions.from_lists([[0, 1], [2, 0], [3], [0, 1]])
    pairs = np.argwhere(followers(train, 5).toarray()).tolist()
    assert pairs == [[0, 1], [2, 0]]
