"""The embedding ensemble, on two lists whose order is known."""

from __future__ import annotations

from math import cos, radians, sin
from typing import Any, ClassVar

import numpy as np
import pytest

from benchkit import Sessions
from benchkit_plugins.recommenders.embedding_ensemble import EmbeddingEnsemble
from benchkit_plugins.recommenders.similarity.search import append_new
from tests.conforming import RecommenderConformance
from tests.recommenders.embedding import bench, fitted, listed


def at(*angles: float) -> list[list[float]]:
    return [[cos(radians(angle)), sin(radians(angle))] for angle in angles]


# For the prompt 0 the first list is 1, 2, 3, 4, the second 4, 3, 2, 1.
FIRST, SECOND = at(0, 10, 20, 30, 40), at(0, 40, 30, 20, 10)


class TestConformance(RecommenderConformance):
    component = EmbeddingEnsemble
    config: ClassVar[dict[str, Any]] = {
        "first": "lsa",
        "first_reduced": False,
        "second": "lsa",
        "merge_by": "confidence",
    }


def ensemble(**values: Any) -> Any:
    given = bench(FIRST, lsa=SECOND)
    return fitted(EmbeddingEnsemble, given, first_reduced=False, **values)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0, [4, 3, 2, 1]), (1, [1, 4, 3, 2]), (3, [1, 2, 3, 4]), (20, [1, 2, 3, 4])],
)
def test_merging_by_rank(threshold: int, expected: list[int]) -> None:
    assert listed(ensemble(rank_threshold=threshold), [0]) == expected


@pytest.mark.parametrize(
    ("threshold", "expected"),
    # Cosines of the first list: .985, .940, .866, .766.
    [(0.99, [4, 3, 2, 1]), (0.95, [1, 4, 3, 2]), (0.9, [1, 2, 4, 3]), (0.7, [1, 2, 3, 4])],
)
def test_merging_by_confidence(threshold: float, expected: list[int]) -> None:
    model = ensemble(merge_by="confidence", confidence_threshold=threshold)
    assert listed(model, [0]) == expected


def test_lists_are_cut_and_scored_by_place() -> None:
    found = ensemble(rank_threshold=1).recommend(Sessions.from_lists([[0]]), 2)
    assert found.items.tolist() == [[1, 4]]
    assert found.scores.tolist() == [[1, 0.5]]


def test_both_are_llm_seq_sims_of_their_own() -> None:
    given = bench(FIRST, lsa=SECOND)
    fitted(EmbeddingEnsemble, given)
    assert given.asked == [("minilm", "pca", 256, "catalog"), ("lsa", None, 256, "catalog")]


def test_nobody_pays_unasked() -> None:
    for values in ({}, *EmbeddingEnsemble.presets.values()):
        config = EmbeddingEnsemble.Config.create(values, "embedding-ensemble").as_dict()
        assert {config["first"], config["second"]} <= {"minilm", "lsa"}


def test_one_list_behind_another() -> None:
    first = np.array([[3, -1, 5], [-1, -1, -1]], dtype=np.int32)
    second = np.array([[5, 7, 3], [2, -1, -1]], dtype=np.int32)
    found = append_new(first, second, 4)
    assert found.items.tolist() == [[3, 5, 7, -1], [2, -1, -1, -1]]
    assert found.scores.tolist() == [[1, 0.5, np.float32(1 / 3), -np.inf], [1] + [-np.inf] * 3]
    assert append_new(first, second, 9).items.shape == (2, 9)
