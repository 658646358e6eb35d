"""S-SKNN: SKNN whose neighbours count by how late in the prompt they share an item."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from benchkit import Recommender, Sessions, hookimpl
from benchkit_plugins.presets import by_family
from benchkit_plugins.recommenders.neighbours.base import Neighbourhood, latest_shared
from benchkit_plugins.recommenders.neighbours.index import Neighbours


class SSKNN(Neighbourhood):
    """SKNN in which neighbours that share a late item of the prompt count more.

    A neighbour's similarity is multiplied by x / L: x is the place, from 1, of the latest prompt
    item that it contains, L the number of items read of the prompt (distinct and trained).
    """

    name = "s-sknn"
    source = "paper 5.1"
    presets: ClassVar = by_family(
        "k sample_size sampling similarity idf_weighting",
        {
            "beauty": (130, 1920, "random", "cosine", False),
            "delivery-hero": (500, 1960, "random", "cosine", True),
            "steam": (490, 1960, "random", "cosine", True),
        },
    )

    def neighbours(self, read: Sessions) -> Neighbours:
        neighbours = super().neighbours(read)
        weights = latest_shared(self.index, read, neighbours) / read.lengths[neighbours.owners]
        return replace(neighbours, similarities=neighbours.similarities * weights)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [SSKNN]
