"""Embedding ensemble: the lists of two LLMSeqSims with different embeddings, merged."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from benchkit import (
    Bench,
    Choice,
    Config,
    ExcludeSeen,
    Float,
    Recommendations,
    Recommender,
    Sessions,
    hookimpl,
    param,
)
from benchkit.contracts.config import Value
from benchkit_plugins.presets import by_family
from benchkit_plugins.recommenders.similarity.search import append_new


@dataclass(frozen=True, kw_only=True)
class EmbeddingEnsembleConfig(Config):
    """Which two embeddings, and where the second takes over; the rest are LLMSeqSim's parameters.

    The paper tries ten confidences from 0.8 to 0.99; here all between them are searched.
    """

    first: str = param("minilm", "embedder of the first list", names="embedder")
    first_reduced: bool = param(
        True, "reduce it as LLMSeqSim's parameters say; false: as it is", search=Choice(True, False)
    )
    second: str = param("lsa", "embedder of the second list", names="embedder")
    second_reduced: bool = param(
        False,
        "reduce it as LLMSeqSim's parameters say; false: as it is",
        search=Choice(True, False),
    )
    merge_by: Literal["rank", "confidence"] = param(
        "rank",
        "the first list counts down to a rank, or as long as its scores reach a threshold",
        search=Choice("rank", "confidence"),
    )
    rank_threshold: int = param(
        5,
        "items that the first list gives",
        search=Choice(0, 1, 2, 3, 4, 5, 10, 20),
        at_least=0,
        when={"merge_by": "rank"},
    )
    confidence_threshold: float = param(
        0.8,
        "LLMSeqSim's score that an item of the first list needs",
        search=Float(0.8, 0.99),
        when={"merge_by": "confidence"},
    )
    exclude_seen: ExcludeSeen = param(
        "prompt", "prompt items to keep out of the list: none, those read, or the whole prompt"
    )


class EmbeddingEnsemble(Recommender):
    """The top of one LLMSeqSim's list, then the list of another with different embeddings.

    The first gives its best items, up to a rank or while its scores reach a threshold; behind them
    stand those of the second that are new. Scores are 1 / place.

    By default two different embedders, both offline. The presets are the paper's best values: one
    embedder, as it is and reduced; the paper's own embedder is paid and only used when it is named.
    """

    name = "embedding-ensemble"
    source = "paper, online material"
    Config = EmbeddingEnsembleConfig
    builds_on = (("recommender", "llm-seq-sim"),)
    config: EmbeddingEnsembleConfig
    presets: ClassVar = by_family(
        "merge_by rank_threshold confidence_threshold",
        {
            "beauty": ("rank", 0, None),
            "delivery-hero": ("confidence", None, 0.8),
            "steam": ("rank", 1, None),
        },
        first="minilm",
        first_reduced=False,
        second="minilm",
        second_reduced=True,
    )

    def sets(self) -> dict[str, Collection[str]]:
        config = self.config
        reduced = config.first_reduced or config.second_reduced
        return {"llm-seq-sim": self._values(config.first, reduced)}

    def fit(self, train: Sessions, bench: Bench) -> None:  # noqa: ARG002
        config = self.config
        self._first = bench.recommender(
            "llm-seq-sim", self._values(config.first, config.first_reduced)
        )
        self._second = bench.recommender(
            "llm-seq-sim", self._values(config.second, config.second_reduced)
        )

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        first, second = self._first.recommend(prompts, k), self._second.recommend(prompts, k)
        if self.config.merge_by == "rank":
            confident = np.arange(k) < self.config.rank_threshold
        else:
            confident = first.scores >= self.config.confidence_threshold
        return append_new(np.where(confident, first.items, -1), second.items, k)

    def _values(self, embedder: str, reduced: bool) -> dict[str, Value]:
        values: dict[str, Value] = {"embedder": embedder, "exclude_seen": self.config.exclude_seen}
        return values if reduced else {**values, "reducer": None}


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [EmbeddingEnsemble]
