"""What stands between a recommender and whoever measures it: broken contracts are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchkit import Bench, Recommendations, Recommender, Sessions
from benchkit.contracts.errors import PluginError
from benchkit.evaluation.bench import Workbench
from benchkit.evaluation.recommend import fit, recommend
from tests.making import catalog

PROMPTS = Sessions.from_lists([[0], [1, 2]])


class Said(Recommender):
    """Returns what it was given."""

    name = "said"
    source = "test"

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def fit(self, train: Sessions, bench: Bench) -> None:
        train.items[0] = bench.item_counts[0] = 1

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        answer: Recommendations = self.answer
        return answer


def bench() -> Workbench:
    return Workbench(catalog(4), Sessions.from_lists([[0, 1], [2, 3]]), np.ones(4, dtype=np.int64))


def lists(items: list[list[int]], scores: list[list[float]]) -> Recommendations:
    return Recommendations(np.array(items, dtype=np.int32), np.array(scores, dtype=np.float32))


INF = -np.inf
GOOD = lists([[3, -1], [0, 1]], [[2, INF], [1, 1]])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "said returned NoneType, not Recommendations"),
        (lists([[3], [0]], [[2], [1]]), r"items int32\[2, 1\], not int32\[2, 2\]"),
        (lists([[3, 4], [0, 1]], [[2, 1], [2, 1]]), "outside the catalog of 4"),
        (lists([[3, 1], [0, 1]], [[2, 1], [2, np.nan]]), "not a number"),
        (lists([[3, 1], [-1, 1]], [[2, 1], [INF, 1]]), "behind the end of its list for prompt 1"),
        (lists([[3, 1], [0, 1]], [[2, 1], [2, INF]]), "without a finite score for prompt 1"),
        (lists([[3, 1], [0, 1]], [[1, 2], [2, 1]]), "scores that ascend for prompt 0"),
        (lists([[3, 1], [1, 1]], [[2, 1], [2, 1]]), "an item twice for prompt 1"),
    ],
)
def test_a_broken_answer_is_named(answer: Any, words: str) -> None:
    with pytest.raises(PluginError, match=words):
        recommend(Said(answer), PROMPTS, 2, bench())


def test_a_right_answer_is_left_as_it_is() -> None:
    found, _ = recommend(Said(GOOD), PROMPTS, 2, bench())
    assert np.array_equal(found.items, GOOD.items)


def test_what_others_learn_from_cannot_be_written_to() -> None:
    given = bench()
    with pytest.raises(ValueError, match="read-only"):
        fit(Said(GOOD), given)
    assert given.train[0].tolist() == [0, 1]


def test_what_the_key_does_not_know_cannot_be_asked_for(tmp_path: Path) -> None:
    given = Workbench(
        catalog(4),
        PROMPTS,
        np.ones(4, dtype=np.int64),
        workspace=tmp_path,
        declared=frozenset({"recommender:sknn", "embedder:random"}),
    )
    given.recommender("sknn")
    for ask in (
        lambda: given.recommender("v-sknn"),
        lambda: given.embeddings("lsa"),
        lambda: given.embeddings("random", "pca"),
        lambda: given.embed_texts(["a"], "lsa"),
        lambda: given.embed_texts(["a"], "random", "pca"),
    ):
        with pytest.raises(PluginError, match="is asked for and not declared: by builds_on"):
            ask()
