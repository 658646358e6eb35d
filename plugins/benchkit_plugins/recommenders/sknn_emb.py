"""SKNNEmb: SKNN whose neighbours are the sessions with similar embeddings (paper 5.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from benchkit import Bench, Choice, Recommender, Sessions, hookimpl, param
from benchkit.contracts.arrays import Float32
from benchkit.toolkit.arrays import normalised
from benchkit_plugins.presets import by_family
from benchkit_plugins.recommenders.neighbours.base import (
    Neighbourhood,
    NeighbourhoodConfig,
    latest_shared,
)
from benchkit_plugins.recommenders.neighbours.index import Neighbours, take_best
from benchkit_plugins.recommenders.similarity.pooling import EmbeddedConfig, Pooling, pool
from benchkit_plugins.recommenders.similarity.search import dots

_POOLINGS = Choice("mean", "last", "constant-linear", "harmonic")
_PUBLISHED = (
    "k sample_size sampling idf_weighting reducer pooling training_pooling sequential_weighting"
)
_BEST = {
    "beauty": (60, 1370, "recent", False, "lda", "harmonic", "mean", False),
    "delivery-hero": (480, 1920, "random", True, "pca", "constant-linear", "harmonic", False),
    "steam": (210, 1030, "recent", True, "pca", "constant-linear", "harmonic", True),
}


@dataclass(frozen=True, kw_only=True)
class SKNNEmbConfig(EmbeddedConfig, NeighbourhoodConfig):
    """SKNN's parameters, and how sessions are embedded; reducers learn from trained items."""

    pooling: Pooling = param(
        "harmonic", "how the items of a prompt weigh (Table 1)", search=_POOLINGS
    )
    training_pooling: Pooling = param(
        "mean", "how the items of a training session weigh (Table 1)", search=_POOLINGS
    )
    sequential_weighting: bool = param(
        False,
        "weigh a neighbour by the place of its latest shared prompt item, as S-SKNN does",
        search=Choice(False, True),
    )


class SKNNEmb(Neighbourhood):
    """SKNN in which the sessions whose text embeddings are similar to the prompt's vote.

    Candidates are SKNN's, sessions that share an item with the prompt; similarity is that of
    session embeddings (Equation 2). Those of prompts average what is read of them, those of
    training sessions all their items. A similarity may be negative, and then counts against; of
    zero (a session without text) it is no vote.

    Departures from the authors' code: the decay of training sessions is the one that is asked for,
    and the linear decay ends at 1e-5, as for all session embeddings. Presets are the paper's best
    values, but for the embedder: a paid one is used only when it is named.
    """

    name = "sknn-emb"
    source = "paper 5.2"
    Config = SKNNEmbConfig
    config: SKNNEmbConfig
    presets: ClassVar = by_family(_PUBLISHED, _BEST, similarity="dot", dim=512)

    def fit(self, train: Sessions, bench: Bench) -> None:
        super().fit(train, bench)
        config = self.config
        vectors = bench.embeddings(config.embedder, config.reducer, config.dim, fit_on="train")
        self._vectors = normalised(vectors)
        self._present = np.any(self._vectors != 0, axis=1)
        by_time = np.argsort(train.last_times, kind="stable")
        ordered = train.take(by_time[self.index.recency])  # as the index numbers them
        self._sessions = self._scaled(self._embed(ordered, config.training_pooling))

    def neighbours(self, read: Sessions) -> Neighbours:
        candidates = self.index.candidates(read, np.ones(read.interactions))
        prompts = self._scaled(self._embed(read, self.config.pooling))
        similarities = dots(prompts, candidates.owners, self._sessions, candidates.sessions)
        keys = _ascending(similarities) << np.uint64(32)
        keys |= self.index.recency[candidates.sessions].astype(np.uint64)
        candidates = replace(candidates, similarities=similarities.astype(np.float64))
        return self._weighted(read, take_best(candidates, keys, self.config.k))

    def _embed(self, sessions: Sessions, pooling: Pooling) -> Float32:
        return pool(sessions, self._vectors, self._present, pooling)

    def _scaled(self, embeddings: Float32) -> Float32:
        return normalised(embeddings) if self.config.similarity == "cosine" else embeddings

    def _weighted(self, read: Sessions, neighbours: Neighbours) -> Neighbours:
        if not self.config.sequential_weighting:
            return neighbours
        weights = latest_shared(self.index, read, neighbours) / read.lengths[neighbours.owners]
        return replace(neighbours, similarities=neighbours.similarities * weights)


def _ascending(values: Float32) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return 32-bit numbers that sort as the floats do, negative ones included."""
    bits = (values + np.float32(0)).view(np.uint32)  # -0 becomes 0
    negative = bits >> np.uint32(31) == 1
    return np.where(negative, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [SKNNEmb]
