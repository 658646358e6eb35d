"""Arithmetic of embeddings that the core and plugins share."""

from __future__ import annotations

import numpy as np

from benchkit.contracts.recommender import Float32


def normalised(vectors: Float32) -> Float32:
    """Return the rows at length 1 each; a zero row stays zero."""
    lengths = np.sqrt(np.einsum("id,id->i", vectors, vectors))[:, None]
    units: Float32 = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return units
