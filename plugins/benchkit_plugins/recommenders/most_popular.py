"""MostPopular: the items with the most training interactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchkit import Config, ExcludeSeen, Recommendations, Recommender, hookimpl, param
from benchkit.toolkit.ranking import excluded, tie_keys, top_k_of

if TYPE_CHECKING:
    from benchkit import Bench, Sessions
    from benchkit.contracts.arrays import UInt64

_BATCH = 1 << 22  # candidates ranked at once


@dataclass(frozen=True, kw_only=True)
class MostPopularConfig(Config):
    """Parameters of MostPopular."""

    exclude_seen: ExcludeSeen = param(
        "none", "prompt items to keep out of the list; read: those the model reads, here all"
    )


class MostPopular(Recommender):
    """The items with the most training interactions, the same for every prompt.

    Equal counts are ordered at random, another way for every prompt. The score is the count.
    """

    name = "most-popular"
    source = "paper 5.1"
    Config = MostPopularConfig
    config: MostPopularConfig

    def fit(self, train: Sessions, bench: Bench) -> None:
        counts = np.bincount(train.items, minlength=len(bench.catalog))
        by_count = np.argsort(-counts, kind="stable")
        self._order = by_count[: np.count_nonzero(counts)].astype(np.int32)
        self._scores = counts[self._order].astype(np.float32)
        self._seed, self._catalog_size = bench.seed, len(bench.catalog)

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = Recommendations.empty(len(prompts), k)
        exclude = excluded(prompts, prompts, self.config.exclude_seen)
        ties = tie_keys(prompts, self._seed)
        width = self._width(k + int(exclude.lengths.max(initial=0)))
        rows = max(1, _BATCH // max(width, self._catalog_size))
        for start in range(0, len(prompts), rows):
            stop = min(start + rows, len(prompts))
            part = self._rank(exclude.between(start, stop), k, width, ties[start:stop])
            lists.items[start:stop], lists.scores[start:stop] = part.items, part.scores
        return lists

    def _width(self, most: int) -> int:
        """Return how many items contend: as many as a list can hold or lose, and their equals."""
        if most >= len(self._scores):
            return len(self._scores)
        return int(np.searchsorted(-self._scores, -self._scores[most - 1], side="right"))

    def _rank(self, exclude: Sessions, k: int, width: int, ties: UInt64) -> Recommendations:
        prompts = len(ties)
        rows = np.repeat(np.arange(prompts, dtype=np.int64), width)
        codes, scores = (
            np.tile(self._order[:width], prompts),
            np.tile(self._scores[:width], prompts),
        )
        return top_k_of(rows, codes, scores, k, ties, exclude=exclude)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [MostPopular]
