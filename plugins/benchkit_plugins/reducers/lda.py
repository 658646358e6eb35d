"""LDA: the directions that tell the items' classes apart."""

from __future__ import annotations

import logging

import numpy as np

from benchkit import Catalog, Reducer, UnavailableError, hookimpl
from benchkit.contracts.arrays import Float32, Float64, Int32, Int64
from benchkit_plugins.reducers.shared.scatter import means_of, scatter_of, signed

log = logging.getLogger(__name__)
_NEGLIGIBLE = 1e-8  # share of the largest variance within classes that counts as none


class LDA(Reducer):
    """Linear discriminant analysis by the items' classes: categories, genres.

    At most classes - 1 dimensions (and no more than vary within classes): who asks for more gets a
    warning and that many. Items without a class are reduced, but not learnt from.

    As scikit-learn's, which decomposes the vectors themselves instead of their covariance and takes
    several times as long.
    """

    name = "lda"
    source = "paper 3.2"

    def unsuitable(self, catalog: Catalog) -> str | None:
        """Return why there is nothing to tell apart, or None."""
        classes = [name for name in catalog.classes if name]
        return _too_few(len(set(classes)), len(classes))

    def fit(self, vectors: Float32, classes: Int32, dim: int, seed: int) -> None:  # noqa: ARG002
        """Find the directions.

        Raises:
            UnavailableError: the items that are learnt from have fewer than two classes, or each
                has a class of its own.
        """
        labelled = classes >= 0
        classes_present, groups = np.unique(classes[labelled], return_inverse=True)
        if (reason := _too_few(len(classes_present), len(groups))) is not None:
            raise UnavailableError(f"lda: {reason}")
        directions = _discriminants(vectors[labelled], groups, len(classes_present))
        if dim > directions.shape[1]:
            most = directions.shape[1]
            log.warning(
                "lda: %d classes allow %d dimensions, not %d", len(classes_present), most, dim
            )
        self._mean = vectors[labelled].mean(axis=0)
        self._directions = signed(directions[:, :dim]).astype(np.float32)

    def transform(self, vectors: Float32) -> Float32:
        return np.asarray((vectors - self._mean) @ self._directions)


def _too_few(classes: int, items: int) -> str | None:
    if 2 <= classes < items:
        return None
    return f"it needs two classes, and one of several items; here {items} items have {classes}"


def _discriminants(vectors: Float32, groups: Int64, count: int) -> Float64:
    """Return the directions by descending separation, ``float64[dim, at most classes - 1]``."""
    from scipy.linalg import eigh

    means = means_of(vectors, groups, count)
    within, directions = eigh(scatter_of(vectors, groups, means) / (len(vectors) - count))
    vary = within > _NEGLIGIBLE * within[-1]
    whitened = directions[:, vary] / np.sqrt(within[vary])
    sizes = np.bincount(groups, minlength=count)[:, None]
    apart = np.sqrt(sizes) * (means - (sizes * means).sum(axis=0) / len(vectors))
    between = apart @ whitened
    _, separating = eigh(between.T @ between)
    return np.asarray(whitened @ separating[:, ::-1][:, : count - 1])


@hookimpl
def benchkit_reducers() -> list[type[Reducer]]:
    return [LDA]
