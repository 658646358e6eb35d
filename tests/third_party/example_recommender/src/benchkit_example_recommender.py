"""A stranger's recommender: whatever followed the prompt's last item most recently."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from benchkit import Recommendations, Recommender, hookimpl

if TYPE_CHECKING:
    from benchkit import Bench, Sessions


class LatestSuccessor(Recommender):
    """The items that followed the prompt's last item, the latest first."""

    name = "latest-successor"
    source = "ours"

    def fit(self, train: Sessions, bench: Bench) -> None:
        """Remember the successors of each item."""
        self._next: dict[int, list[int]] = {}
        for row in range(len(train)):
            codes = train[row].tolist()
            for item, successor in pairwise(codes):
                followers = self._next.setdefault(item, [])
                if successor in followers:
                    followers.remove(successor)
                followers.append(successor)

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        """Return the latest successors, scored by how late they came."""
        lists = Recommendations.empty(len(prompts), k)
        for row in range(len(prompts)):
            last = prompts[row][-1:].tolist()
            found = self._next.get(last[0], [])[::-1][:k] if last else []
            lists.items[row, : len(found)] = found
            lists.scores[row, : len(found)] = [1 / (place + 1) for place in range(len(found))]
        return lists


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    """Tell benchkit about the recommender."""
    return [LatestSuccessor]
