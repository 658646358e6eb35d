"""SKNN: session-based nearest neighbours."""

from __future__ import annotations

from typing import ClassVar

from benchkit import Recommender, hookimpl
from benchkit_plugins.presets import by_family
from benchkit_plugins.recommenders.neighbours.base import Neighbourhood


class SKNN(Neighbourhood):
    """Session-based nearest neighbours: similar training sessions vote for their items."""

    name = "sknn"
    source = "paper 5.1"
    presets: ClassVar = by_family(
        "k sample_size sampling similarity idf_weighting",
        {
            "beauty": (140, 1020, "recent", "cosine", False),
            "delivery-hero": (490, 1960, "random", "cosine", True),
            "steam": (500, 1410, "recent", "cosine", True),
        },
    )


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [SKNN]
