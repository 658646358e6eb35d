"""SKNN: session-based nearest neighbours."""

from __future__ import annotations

from typing import ClassVar

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.neighbours.base import Neighbourhood


class SKNN(Neighbourhood):
    """Session-based nearest neighbours: similar training sessions vote for their items."""

    name = "sknn"
    source = "paper 5.1"
    presets: ClassVar = {
        "beauty": {
            "k": 140,
            "sample_size": 1020,
            "sampling": "recent",
            "similarity": "cosine",
            "idf_weighting": False,
        },
        "delivery-hero": {
            "k": 490,
            "sample_size": 1960,
            "sampling": "random",
            "similarity": "cosine",
            "idf_weighting": True,
        },
        "steam": {
            "k": 500,
            "sample_size": 1410,
            "sampling": "recent",
            "similarity": "cosine",
            "idf_weighting": True,
        },
    }


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [SKNN]
