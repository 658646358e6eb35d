"""LLMSeqSim & Sequential: who answers depends on how popular the last item is (paper 6)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from benchkit import Bench, Choice, Config, Recommendations, Recommender, Sessions, hookimpl, param
from benchkit.contracts.arrays import Bool, Int64
from benchkit.contracts.config import Value
from benchkit.contracts.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class LLMSeqSimSequentialConfig(Config):
    """Who answers when; the rest are parameters of the two recommenders themselves."""

    sequential: str = param(
        "llm2bert4rec",
        "the sequential recommender, any but this one",
        search=Choice("llm2bert4rec", "sknn-emb"),
        names="recommender",
    )
    embedder: str = param("minilm", "where LLMSeqSim's item embeddings come from", names="embedder")
    reduced: bool = param(
        True,
        "reduce them as LLMSeqSim's parameters say; false: as they are",
        search=Choice(True, False),
    )
    popularity_quantile: float = param(
        0.25,
        "the sequential recommender answers from this quantile of all items' popularity on",
        search=Choice(0.25, 0.5, 0.75),
        at_least=0,
        at_most=1,
    )
    exclude_seen: Literal["own", "none", "read", "prompt"] = param(
        "own", "prompt items that both keep out of their lists; own: as each does by itself"
    )


class LLMSeqSimSequential(Recommender):
    """A sequential model where the prompt's last item is popular, LLMSeqSim where it is not.

    Sequential models know little about items that few sessions hold; texts are there for all.
    Popularity is the share of sessions that contain an item. An empty prompt goes to the
    sequential model. A list is one or the other's, whole, with its scores.
    """

    name = "llm-seq-sim-sequential"
    source = "paper 6"
    Config = LLMSeqSimSequentialConfig
    builds_on = (("recommender", "llm-seq-sim"),)
    config: LLMSeqSimSequentialConfig
    presets: ClassVar = {
        family: {"sequential": "llm2bert4rec", "reduced": True, "popularity_quantile": 0.25}
        for family in ("beauty", "delivery-hero", "steam")
    }

    def sets(self) -> dict[str, Collection[str]]:
        return {"llm-seq-sim": self._values(), self.config.sequential: self._seen()}

    def fit(self, train: Sessions, bench: Bench) -> None:  # noqa: ARG002
        """Get both recommenders and the threshold.

        Raises:
            ConfigError: the sequential recommender is this one itself.
        """
        config = self.config
        if config.sequential == self.name:
            raise ConfigError(f"{self.name}: sequential must be another recommender than itself")
        counts = bench.popularity
        self._popular: Bool = counts >= np.quantile(counts, config.popularity_quantile)
        self._sequential = bench.recommender(config.sequential, self._seen())
        self._similar = bench.recommender("llm-seq-sim", self._values())

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        sequential = np.ones(len(prompts), dtype=bool)
        filled = np.flatnonzero(prompts.lengths)
        sequential[filled] = self._popular[prompts.items[prompts.offsets[1:][filled] - 1]]
        lists = Recommendations.empty(len(prompts), k)
        for model, chosen in ((self._sequential, sequential), (self._similar, ~sequential)):
            rows: Int64 = np.flatnonzero(chosen)
            part = model.recommend(prompts.take(rows), k)
            lists.items[rows], lists.scores[rows] = part.items, part.scores
        return lists

    def _seen(self) -> dict[str, Value]:
        seen = self.config.exclude_seen
        return {} if seen == "own" else {"exclude_seen": seen}

    def _values(self) -> dict[str, Value]:
        reduced: dict[str, Value] = {} if self.config.reduced else {"reducer": None}
        return {"embedder": self.config.embedder, **reduced, **self._seen()}


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [LLMSeqSimSequential]
