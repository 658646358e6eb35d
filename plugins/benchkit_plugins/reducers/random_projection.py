"""Gaussian random projection: distances survive, on average, without learning anything."""

from __future__ import annotations

import numpy as np

from benchkit import Reducer, hookimpl
from benchkit.contracts.arrays import Float32, Int32


class RandomProjection(Reducer):
    """Projection on random directions, drawn from the seed; to more dimensions, too.

    Entries are normal with variance 1/dim, so that lengths are kept on average.
    """

    name = "random-projection"
    source = "paper 3.2"

    def fit(self, vectors: Float32, classes: Int32, dim: int, seed: int) -> None:  # noqa: ARG002
        directions = np.random.default_rng(seed).standard_normal((vectors.shape[1], dim))
        self._directions = (directions / np.sqrt(dim)).astype(np.float32)

    def transform(self, vectors: Float32) -> Float32:
        return np.asarray(vectors @ self._directions)


@hookimpl
def benchkit_reducers() -> list[type[Reducer]]:
    return [RandomProjection]
