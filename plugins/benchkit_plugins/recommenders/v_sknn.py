"""V-SKNN: SKNN whose prompt vector decays with the distance from the prompt's end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from benchkit import Choice, Recommender, Sessions, hookimpl, param
from benchkit.contracts.arrays import Float64
from benchkit_plugins.presets import by_family
from benchkit_plugins.recommenders.neighbours.base import Neighbourhood, NeighbourhoodConfig


@dataclass(frozen=True, kw_only=True)
class VSKNNConfig(NeighbourhoodConfig):
    """SKNN's parameters, with dot product by default, and the decay."""

    similarity: Literal["cosine", "dot"] = param(
        "dot", "similarity of prompt and session vectors", search=Choice("cosine", "dot")
    )
    decay: Literal["linear", "log", "harmonic", "quadratic"] = param(
        "harmonic",
        "weight at distance d from the end (last: 1): "
        "max(1e-4, 1 - 0.1(d-1)), 1/(ln d + 1), 1/d or 1/d^2",
    )


class VSKNN(Neighbourhood):
    """SKNN in which the prompt's later items weigh more.

    The decay applies to the prompt vector alone, not to the scores a second time. Distance counts
    the items that are read: distinct and trained.
    """

    name = "v-sknn"
    source = "paper 5.1"
    Config = VSKNNConfig
    config: VSKNNConfig
    presets: ClassVar = by_family(
        "k sample_size sampling similarity idf_weighting",
        {
            "beauty": (320, 1530, "random", "dot", False),
            "delivery-hero": (500, 1540, "random", "dot", True),
            "steam": (490, 850, "recent", "dot", True),
        },
    )

    def prompt_vector(self, read: Sessions) -> Float64:
        d = read.distances.astype(np.float64)
        if self.config.decay == "linear":
            return np.maximum(1e-4, 1 - 0.1 * (d - 1))
        if self.config.decay == "log":
            return np.asarray(1 / (np.log(d) + 1))
        return np.asarray(1 / d if self.config.decay == "harmonic" else 1 / d**2)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [VSKNN]
