"""MostPopular: the items with the most training interactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchkit import Config, ExcludeSeen, Recommendations, Recommender, hookimpl, param
from benchkit.ranking import excluded, tie_order, top_k_of

if TYPE_CHECKING:
    from benchkit import Bench, Sessions

_BATCH = 1 << 22  # candidates ranked at once


@dataclass(frozen=True, kw_only=True)
class MostPopularConfig(Config):
    """What MostPopular leaves to choose."""

    exclude_seen: ExcludeSeen = param(
        "none", "prompt items to keep out of the list; read: those the model reads, here all"
    )


class MostPopular(Recommender):
    """The items with the most training interactions, the same for every prompt.

    Equal counts are ordered by item code. The score is the count.
    """

    name = "most-popular"
    source = "paper 5.1"
    Config = MostPopularConfig
    config: MostPopularConfig

    def fit(self, train: Sessions, bench: Bench) -> None:
        """Count the items of the training sessions."""
        items = len(bench.catalog)
        counts = np.bincount(train.items, minlength=items)
        self._ties = tie_order(train, items)
        self._order = np.argsort(self._ties)[: np.count_nonzero(counts)].astype(np.int32)
        self._scores = counts[self._order].astype(np.float32)

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        """Return the most popular items, less those that `exclude_seen` keeps out."""
        lists = Recommendations.empty(len(prompts), k)
        exclude = excluded(prompts, prompts, self.config.exclude_seen)
        # A list can lose no more items than the longest prompt excludes.
        width = min(len(self._order), k + int(exclude.lengths.max(initial=0)))
        rows = max(1, _BATCH // max(width, len(self._ties)))
        for start in range(0, len(prompts), rows):
            stop = min(start + rows, len(prompts))
            part = self._rank(exclude.between(start, stop), k, width)
            lists.items[start:stop], lists.scores[start:stop] = part.items, part.scores
        return lists

    def _rank(self, exclude: Sessions, k: int, width: int) -> Recommendations:
        prompts = len(exclude)
        rows = np.repeat(np.arange(prompts, dtype=np.int64), width)
        codes, scores = (
            np.tile(self._order[:width], prompts),
            np.tile(self._scores[:width], prompts),
        )
        return top_k_of(rows, codes, scores, k, self._ties, prompts, exclude=exclude)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    """Provide MostPopular."""
    return [MostPopular]
