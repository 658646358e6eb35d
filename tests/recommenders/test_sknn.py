"""SKNN, on sessions worked by hand."""

from __future__ import annotations

from math import log, sqrt
from typing import Any, ClassVar

import pytest

from benchkit.contracts.errors import ConfigError
from benchkit_plugins.recommenders.sknn import SKNN
from tests.conforming import RecommenderConformance
from tests.recommenders.fitting import fitted, ranked, scores
from tests.recommenders.naive import in_tie_order

# Sessions end one after another, the last is the most recent.
TRAIN = [[0, 1, 2], [0, 3], [1, 4, 4, 5], [6, 7]]


class TestConformance(RecommenderConformance):
    component = SKNN
    config: ClassVar[dict[str, Any]] = {"sample_size": 20, "k": 10}


def test_cosine_of_binary_vectors() -> None:
    # Prompt {0, 1}: cosines 2/(sqrt 2 sqrt 3), 1/(sqrt 2 sqrt 2), 1/(sqrt 2 sqrt 3); item 4 of the
    # third session counts once although it occurs twice.
    a, b, c = 2 / sqrt(6), 1 / 2, 1 / sqrt(6)
    assert dict(ranked(fitted(SKNN, TRAIN), [0, 1])) == scores({2: a, 3: b, 4: c, 5: c})


def test_lists_are_in_the_order_of_scores() -> None:
    listed = [item for item, _ in ranked(fitted(SKNN, TRAIN), [0, 1])]
    assert listed == [2, 3, *in_tie_order([0, 1], [4, 5])]


def test_dot_counts_shared_items() -> None:
    found = ranked(fitted(SKNN, TRAIN, similarity="dot"), [0, 1])
    assert dict(found) == {2: 2, 3: 1, 4: 1, 5: 1}


def test_scores_add_up_over_neighbours() -> None:
    found = ranked(fitted(SKNN, [[0, 1], [0, 1], [0, 2]], similarity="dot"), [0])
    assert found == [(1, 2), (2, 1)]


def test_only_the_most_similar_vote() -> None:
    assert [item for item, _ in ranked(fitted(SKNN, TRAIN, k=1), [0, 1])] == [2]


def test_of_equally_similar_sessions_the_more_recent_vote() -> None:
    train = [[0, 1], [0, 2], [0, 3]]
    assert {item for item, _ in ranked(fitted(SKNN, train, k=2), [0])} == {2, 3}
    # The times decide, not the rows; of equal times the later row is the more recent.
    assert {item for item, _ in ranked(fitted(SKNN, train, times=[9, 5, 5], k=2), [0])} == {1, 3}


def test_recent_sampling_comes_before_similarity() -> None:
    train = [[0, 1, 2], [0, 3, 4, 5], [0, 6, 7, 8]]
    found = ranked(fitted(SKNN, train, sampling="recent", sample_size=2, k=1), [0, 1])
    assert {item for item, _ in found} == {6, 7, 8}


def test_recent_sampling_goes_by_time() -> None:
    train = [[0, 1], [0, 2], [0, 3]]
    model = fitted(SKNN, train, times=[7, 9, 8], sampling="recent", sample_size=2)
    assert {item for item, _ in ranked(model, [0])} == {2, 3}


def test_random_sampling_keeps_as_many_as_asked() -> None:
    model = fitted(SKNN, [[0, item] for item in range(1, 9)], sample_size=3)
    assert len(ranked(model, [0])) == 3


def test_idf_multiplies_item_scores() -> None:
    # Four sessions; 2 occurs in two of them, 3 in one.
    train = [[0, 2], [0, 3], [2, 5], [5, 6]]
    found = ranked(fitted(SKNN, train, similarity="dot", idf_weighting=True), [0])
    assert dict(found) == scores({3: 1 + log(4), 2: 1 + log(2)})
    assert [item for item, _ in found] == [3, 2]


def test_last_n_items_are_read() -> None:
    model = fitted(SKNN, TRAIN, last_n_items=1)
    assert dict(ranked(model, [6, 0])) == dict(ranked(fitted(SKNN, TRAIN), [0]))


def test_last_n_items_are_taken_before_repetitions_go() -> None:
    two = fitted(SKNN, TRAIN, last_n_items=2)
    assert dict(ranked(two, [6, 0, 0])) == dict(ranked(fitted(SKNN, TRAIN), [0]))


def test_untrained_and_repeated_items_do_not_count() -> None:
    model = fitted(SKNN, TRAIN)
    assert dict(ranked(model, [9, 0, 0, 1, 8, 0])) == dict(ranked(model, [0, 1]))


@pytest.mark.parametrize("prompt", [[], [8], [9, 8, 9]])
def test_nothing_known_gives_no_list(prompt: list[int]) -> None:
    assert ranked(fitted(SKNN, TRAIN), prompt) == []


@pytest.mark.parametrize(
    ("exclude_seen", "expected"),
    [("none", {0, 1, 2, 3}), ("read", {1, 2, 3}), ("prompt", {2, 3})],
)
def test_exclusion_of_seen_items(exclude_seen: str, expected: set[int]) -> None:
    model = fitted(SKNN, TRAIN, last_n_items=1, exclude_seen=exclude_seen)
    assert {item for item, _ in ranked(model, [1, 0])} == expected


@pytest.mark.parametrize("seed", range(3))
def test_equal_scores_are_ordered_by_prompt_item_and_seed_alone(seed: int) -> None:
    model = fitted(SKNN, [[0, 1, 2, 3, 4], [4, 5], [3, 5], [4, 6]], seed=seed)
    listed = [item for item, _ in ranked(model, [0])]
    assert listed == in_tie_order([0], [1, 2, 3, 4], seed)


def test_the_published_values_are_the_presets() -> None:
    beauty = SKNN.Config.create(SKNN.presets["beauty"], "sknn").as_dict()
    assert (beauty["k"], beauty["sample_size"], beauty["sampling"]) == (140, 1020, "recent")


@pytest.mark.parametrize("values", [{"k": 0}, {"sampling": "idf"}, {"last_n_items": 0}])
def test_impossible_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        SKNN.Config.create(values, "sknn")
