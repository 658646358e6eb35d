"""SF-SKNN: SKNN that recommends only what has directly followed the prompt's last item."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benchkit import Bench, Recommender, Sessions, hookimpl
from benchkit.contracts.sessions import offsets_of
from benchkit_plugins.presets import by_family
from benchkit_plugins.recommenders.neighbours.base import Neighbourhood
from benchkit_plugins.recommenders.neighbours.index import binary

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class SFSKNN(Neighbourhood):
    """SKNN that recommends only direct successors of the prompt's last item.

    An item qualifies when it came immediately after the last item that is read of the prompt in
    some training session, a neighbour or not. Nothing fills up: lists are often short or empty.
    """

    name = "sf-sknn"
    source = "paper 5.1"
    presets: ClassVar = by_family(
        "k sample_size sampling similarity idf_weighting",
        {
            "beauty": (290, 560, "recent", "cosine", False),
            "delivery-hero": (440, 2000, "random", "cosine", True),
            "steam": (500, 1530, "recent", "cosine", True),
        },
    )

    def fit(self, train: Sessions, bench: Bench) -> None:
        super().fit(train, bench)
        self._followers = followers(train, len(bench.catalog))

    def scores(self, read: Sessions) -> csr_array[np.float64]:
        """Return the scores of the last items' successors, ``[prompts, items]``."""
        filled = np.flatnonzero(read.lengths)
        last = np.zeros(len(read), dtype=np.int32)
        last[filled] = read.items[read.offsets[filled + 1] - 1]
        return (super().scores(read) * self._followers[last]).tocsr()


def followers(train: Sessions, items: int) -> csr_array[np.float64]:
    """Return which items came immediately after each item, ``[items, items]``."""
    inner = train.distances > 1
    before, after = train.items[inner], train.items[1:][inner[:-1]]
    order = np.argsort(before, kind="stable")
    return binary(after[order], offsets_of(np.bincount(before, minlength=items)), items)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [SFSKNN]
