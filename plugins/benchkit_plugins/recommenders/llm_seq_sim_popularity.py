"""LLMSeqSim & Popularity: LLMSeqSim's list without unpopular or without similar items (paper 6)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from benchkit import Choice, Config, ExcludeSeen, Recommendations, Recommender, hookimpl, param
from benchkit.contracts.arrays import Bool, Float32, Int32
from benchkit.contracts.config import Value
from benchkit.toolkit.arrays import normalised
from benchkit_plugins.recommenders.similarity.search import append_new, dots

if TYPE_CHECKING:
    from benchkit import Bench, Sessions

WIDER = 5  # LLMSeqSim's list is so many times as long as the one that is made of it
_K = 20  # the paper's length of a list
_PAIRS = 1 << 20
_BATCH = 1 << 24  # numbers of the listed items' embeddings held at once


@dataclass(frozen=True, kw_only=True)
class LLMSeqSimPopularityConfig(Config):
    """What is filtered, and how strictly; the rest are LLMSeqSim's own parameters."""

    embedder: str = param("minilm", "where LLMSeqSim's item embeddings come from", names="embedder")
    reduced: bool = param(
        True,
        "reduce them as LLMSeqSim's parameters say; false: as they are",
        search=Choice(True, False),
    )
    mode: Literal["popularity", "diversity", "both"] = param(
        "popularity",
        "drop unpopular items, items similar to one that is kept, or both",
        search=Choice("popularity", "diversity", "both"),
    )
    popularity_quantile: float = param(
        0.5,
        "items are unpopular below this quantile of all items' popularity",
        search=Choice(0.25, 0.5, 0.75),
        at_least=0,
        at_most=1,
        when={"mode": ("popularity", "both")},
    )
    diversity_quantile: float = param(
        0.5,
        "items are similar above this quantile of all pairs' similarity",
        search=Choice(0.25, 0.5, 0.75),
        at_least=0,
        at_most=1,
        when={"mode": ("diversity", "both")},
    )
    exclude_seen: ExcludeSeen = param(
        "prompt", "prompt items to keep out of the list: none, those read, or the whole prompt"
    )


class LLMSeqSimPopularity(Recommender):
    """LLMSeqSim's five times longer list, less the unpopular items, less the similar ones, or both.

    Going down the list, an item stays that is popular enough and, for diversity, not too similar
    to one that stayed. Where too few stay, the best-ranked of the others fill up, in all modes: a
    short list would only lose. Scores are 1 / place, for the items that fill up may be closer to
    the prompt than those that stay.

    Popularity is the share of sessions that contain the item. Similarity is the cosine of the
    embeddings as they are, reduced or not for the list, as in the authors' code; its quantiles are
    those of a million random pairs, not of all.

    Departures from the authors' code: what fills up goes behind what stays and begins with the
    best (theirs keeps the worst of the unpopular, in place, and diversity fills nothing up). Lists
    of other lengths than the paper's 20 are made in blocks of 20, the second one of LLMSeqSim's
    best 200 and so on, so that a short list begins every longer one.
    """

    name = "llm-seq-sim-popularity"
    source = "paper 6"
    Config = LLMSeqSimPopularityConfig
    builds_on = (("recommender", "llm-seq-sim"),)
    config: LLMSeqSimPopularityConfig
    presets: ClassVar = {
        "beauty": {"reduced": True, "mode": "popularity", "popularity_quantile": 0.5},
        "delivery-hero": {"reduced": True, "mode": "popularity", "popularity_quantile": 0.75},
        "steam": {"reduced": True, "mode": "popularity", "popularity_quantile": 0.5},
    }

    def sets(self) -> dict[str, Collection[str]]:
        return {"llm-seq-sim": self._values()}

    def fit(self, train: Sessions, bench: Bench) -> None:  # noqa: ARG002
        config = self.config
        counts = bench.popularity
        self._popular: Bool = counts >= np.quantile(counts, config.popularity_quantile)
        self._similar = bench.recommender("llm-seq-sim", self._values())
        if config.mode != "popularity":
            self._vectors = normalised(bench.embeddings(config.embedder))
            drawn = bench.rng(f"{self.name}/pairs")
            self._limit = _quantile(self._vectors, config.diversity_quantile, drawn)

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lengths = range(_K, k + _K, _K)
        listed = self._similar.recommend(prompts, WIDER * lengths[-1]).items
        stays = listed >= 0
        if self.config.mode != "diversity":
            stays &= self._popular[listed]
        if self.config.mode != "popularity":
            stays = self._diverse(listed, stays)
        lists = np.empty((len(prompts), 0), dtype=np.int32)
        for length in lengths:
            candidates, wanted = listed[:, : WIDER * length], stays[:, : WIDER * length]
            preferred = np.concatenate((lists, np.where(wanted, candidates, -1)), axis=1)
            lists = append_new(preferred, candidates, length).items
        return append_new(lists, lists, k)

    def _values(self) -> dict[str, Value]:
        config = self.config
        values: dict[str, Value] = {
            "embedder": config.embedder,
            "exclude_seen": config.exclude_seen,
        }
        return values if config.reduced else {**values, "reducer": None}

    def _diverse(self, listed: Int32, stays: Bool) -> Bool:
        """Return which of those that stay are not too similar to one before that stays, too."""
        diverse = np.zeros_like(stays)
        rows = max(1, _BATCH // (listed.shape[1] * self._vectors.shape[1]))
        for start in range(0, len(listed), rows):
            part = slice(start, start + rows)
            vectors = self._vectors[listed[part]]  # [prompts, listed, dim]
            cosines = vectors @ vectors.transpose(0, 2, 1)  # [prompts, listed, listed]
            similar = cosines > self._limit
            for place in range(listed.shape[1]):
                close = (similar[:, place, :place] & diverse[part, :place]).any(axis=1)
                diverse[part, place] = stays[part, place] & ~close
        return diverse


def _quantile(vectors: Float32, quantile: float, rng: np.random.Generator) -> float:
    present = np.flatnonzero(vectors.any(axis=1))
    if len(present) < 2:
        return 1.0
    one = rng.integers(0, len(present), _PAIRS)
    other = (one + rng.integers(1, len(present), _PAIRS)) % len(present)
    return float(np.quantile(dots(vectors, present[one], vectors, present[other]), quantile))


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [LLMSeqSimPopularity]
