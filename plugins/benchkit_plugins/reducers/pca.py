"""PCA: the directions in which the embeddings differ most."""

from __future__ import annotations

import logging

import numpy as np

from benchkit import Reducer, hookimpl
from benchkit.contracts.arrays import Float32, Int32
from benchkit_plugins.reducers.shared.scatter import means_of, scatter_of, signed

log = logging.getLogger(__name__)


class PCA(Reducer):
    """Principal components, by exact decomposition of the covariance.

    At most as many dimensions as the embeddings have. Each direction's largest entry is positive,
    so that signs do not depend on the machine's linear algebra.
    """

    name = "pca"
    source = "paper 3.2"

    def fit(self, vectors: Float32, classes: Int32, dim: int, seed: int) -> None:  # noqa: ARG002
        from scipy.linalg import eigh

        width = vectors.shape[1]
        if dim > width:
            log.warning("pca: the embeddings have %d dimensions, not %d: all are kept", width, dim)
        together = np.zeros(len(vectors), dtype=np.int64)
        mean = means_of(vectors, together, 1)
        _, directions = eigh(scatter_of(vectors, together, mean))  # by ascending variance
        self._mean = mean.astype(np.float32)
        self._directions = signed(directions[:, ::-1][:, :dim]).astype(np.float32)

    def transform(self, vectors: Float32) -> Float32:
        return np.asarray((vectors - self._mean) @ self._directions)


@hookimpl
def benchkit_reducers() -> list[type[Reducer]]:
    return [PCA]
