"""What an embedder returns is checked before any of it is kept."""

from __future__ import annotations

import numpy as np

from benchkit.contracts.embedder import Batch
from benchkit.contracts.recommender import Float32
from benchkit.contracts.sessions import Bool
from benchkit.errors import PluginError


def check_vectors(
    name: str, vectors: Float32, count: int, dim: int | None, *, alike: bool = False
) -> None:
    """Refuse vectors that cannot be right.

    Args:
        name: the embedder's.
        vectors: what it returned.
        count: texts it was given.
        dim: dimensions wanted; None for any.
        alike: whether all may be equal, as of texts that share no word with a corpus.

    Raises:
        PluginError: wrong count, dimension or type, not finite, or all equal.
    """
    problem = None
    if not isinstance(vectors, np.ndarray):
        problem = f"a {type(vectors).__name__} instead of an array"
    elif vectors.ndim != 2 or len(vectors) != count:
        problem = f"an array of shape {list(vectors.shape)} for {count} texts"
    elif vectors.dtype != np.float32:
        problem = f"{vectors.dtype} instead of float32"
    elif vectors.shape[1] == 0 or (dim is not None and vectors.shape[1] != dim):
        problem = f"vectors of {vectors.shape[1]} dimensions" + (f", not {dim}" if dim else "")
    elif not np.isfinite(vectors).all():
        problem = "values that are not finite"
    # two texts may differ in nothing that a model sees, such as their case
    elif not alike and count > 2 and (vectors == vectors[0]).all():
        problem = f"the same vector for {count} different texts"
    if problem:
        raise PluginError(f"{name} returned {problem}; nothing of it is kept")


def check_rows(name: str, batch: Batch, arrived: Bool) -> None:
    """Refuse vectors of texts that were not asked for, or that have arrived already.

    Raises:
        PluginError: there are such.
    """
    rows = np.asarray(batch.rows)
    inside = (rows >= 0) & (rows < len(arrived))
    if not inside.all() or arrived[rows].any() or len(np.unique(rows)) != len(rows):
        raise PluginError(f"{name} returned vectors for texts it was not asked for, or twice")
