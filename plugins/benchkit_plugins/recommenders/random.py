"""Random: trained items drawn by lot, the floor under every leaderboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchkit import Config, ExcludeSeen, Recommendations, Recommender, hookimpl, param
from benchkit.toolkit.arrays import mix, sequence_keys
from benchkit.toolkit.ranking import excluded, tie_keys, top_k

if TYPE_CHECKING:
    from benchkit import Bench, Sessions
    from benchkit.contracts.arrays import Float32

_BATCH = 1 << 21  # scores held at once


@dataclass(frozen=True, kw_only=True)
class RandomConfig(Config):
    """Parameters of Random."""

    exclude_seen: ExcludeSeen = param(
        "none", "prompt items to keep out of the list; read: those the model reads, here all"
    )


class Random(Recommender):
    """Trained items in random order, another one for every prompt.

    Every order is equally likely. It depends on the seed and the prompt's items alone: equal
    prompts get equal lists. The score is a uniform draw from [0, 1).
    """

    name = "random"
    source = "ours"
    Config = RandomConfig
    config: RandomConfig

    def fit(self, train: Sessions, bench: Bench) -> None:
        self._items, self._trained = len(bench.catalog), np.unique(train.items)
        self._seed, self._ties_seed = int(bench.rng(self.name).integers(1 << 63)), bench.seed

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = Recommendations.empty(len(prompts), k)
        exclude = excluded(prompts, prompts, self.config.exclude_seen)
        ties = tie_keys(prompts, self._ties_seed)
        rows = max(1, _BATCH // max(1, self._items))
        for start in range(0, len(prompts), rows):
            stop = min(start + rows, len(prompts))
            scores = self._draw(prompts.between(start, stop))
            part = top_k(scores, k, ties[start:stop], exclude.between(start, stop))
            lists.items[start:stop], lists.scores[start:stop] = part.items, part.scores
        return lists

    def _draw(self, prompts: Sessions) -> Float32:
        scores = np.full((len(prompts), self._items), -np.inf, dtype=np.float32)
        hashes = sequence_keys(prompts, self._seed)[:, None]
        draws = mix(hashes ^ mix(self._trained.astype(np.uint64)))
        scores[:, self._trained] = (draws >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)
        return scores


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [Random]
