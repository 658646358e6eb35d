"""LLMSeqSim & Sequential, with recommenders whose lists are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from benchkit import Bench, Recommendations, Recommender, Sessions
from benchkit.contracts.errors import ConfigError
from benchkit.evaluation.bench import Workbench
from benchkit_plugins.recommenders.llm_seq_sim_sequential import LLMSeqSimSequential
from tests.conforming import RecommenderConformance
from tests.making import catalog


class Always(Recommender):
    """Recommends one item, scored by the length of the prompt."""

    def __init__(self, item: int) -> None:
        super().__init__()
        self.item = item

    def fit(self, train: Sessions, bench: Bench) -> None:
        """Learn nothing."""

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        """Return the one item."""
        lists = Recommendations.empty(len(prompts), k)
        lists.items[:, 0], lists.scores[:, 0] = self.item, prompts.lengths
        return lists


@dataclass(frozen=True, eq=False)
class TwoBench(Workbench):
    """A bench with a sequential model that recommends 1 and an LLMSeqSim that recommends 0."""

    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def recommender(self, name: str, values: Any = None) -> Recommender:
        self.asked.append((name, dict(values)))
        return Always(int(name != "llm-seq-sim"))


def fitted(counts: list[int], **values: object) -> tuple[Any, TwoBench]:
    train = Sessions.from_lists([[0]])
    bench = TwoBench(catalog(len(counts)), train, np.array(counts))
    config = LLMSeqSimSequential.Config.create(values, "llm-seq-sim-sequential")
    model = LLMSeqSimSequential(config)
    model.fit(train, bench)
    return model, bench


class TestConformance(RecommenderConformance):
    component = LLMSeqSimSequential
    config = {"embedder": "lsa", "reduced": False, "sequential": "v-sknn"}  # noqa: RUF012


def who(model: Any, prompts: list[list[int]]) -> list[int]:
    found: list[int] = model.recommend(Sessions.from_lists(prompts), 2).items[:, 0].tolist()
    return found


@pytest.mark.parametrize(("quantile", "sequential"), [(0.25, 4), (0.5, 3), (0.75, 2), (0.0, 5)])
def test_the_last_item_decides_by_quantiles_over_items(quantile: float, sequential: int) -> None:
    model, _ = fitted([10, 20, 30, 40, 50], popularity_quantile=quantile)
    expected = [0] * (5 - sequential) + [1] * sequential
    assert who(model, [[4, item] for item in range(5)]) == expected


def test_an_empty_prompt_goes_to_the_sequential_model() -> None:
    model, _ = fitted([1, 2, 3])
    assert who(model, [[], [0], []]) == [1, 0, 1]


def test_lists_keep_their_scores() -> None:
    model, _ = fitted([1, 5, 9], popularity_quantile=0.5)
    lists = model.recommend(Sessions.from_lists([[0, 0, 1], [0]]), 3)
    assert lists.scores[:, 0].tolist() == [3, 1]
    assert lists.items[:, 1:].tolist() == [[-1, -1]] * 2


def test_who_is_asked_for_what() -> None:
    _, bench = fitted([1])
    assert bench.asked == [("llm2bert4rec", {}), ("llm-seq-sim", {"embedder": "minilm"})]
    _, bench = fitted(
        [1], sequential="sknn-emb", embedder="lsa", reduced=False, exclude_seen="prompt"
    )
    assert bench.asked == [
        ("sknn-emb", {"exclude_seen": "prompt"}),
        ("llm-seq-sim", {"embedder": "lsa", "reducer": None, "exclude_seen": "prompt"}),
    ]


def test_it_cannot_be_its_own_sequential_model() -> None:
    with pytest.raises(ConfigError, match="another recommender than itself"):
        fitted([1], sequential="llm-seq-sim-sequential")
