"""Shared by PCA and LDA: scatter around means, and signs that do not depend on luck."""

from __future__ import annotations

import numpy as np

from benchkit.contracts.arrays import Float32, Float64, Int64

_BATCH = 1 << 22  # numbers held in double precision at once


def means_of(vectors: Float32, groups: Int64, count: int) -> Float64:
    """Return the mean vector of each group, ``float64[count, dim]``; no group may be empty."""
    totals = np.zeros((count, vectors.shape[1]))
    for part in _parts(vectors):
        np.add.at(totals, groups[part], vectors[part].astype(np.float64))
    return totals / np.bincount(groups, minlength=count)[:, None]


def scatter_of(vectors: Float32, groups: Int64, means: Float64) -> Float64:
    """Return the covariance around the groups' means, times the number of vectors.

    Vectors are taken to double precision part by part, never all at once.

    Args:
        vectors: ``float32[vectors, dim]``.
        groups: row of `means` that each vector belongs to, ``int64[vectors]``.
        means: ``float64[groups, dim]``.

    Returns:
        ``float64[dim, dim]``.
    """
    total = np.zeros((vectors.shape[1], vectors.shape[1]))
    for part in _parts(vectors):
        centred = vectors[part] - means[groups[part]]
        total += centred.T @ centred
    return total


def signed(directions: Float64) -> Float64:
    """Return the columns with the sign that makes the entry of largest size positive."""
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])]
    return np.asarray(directions * np.where(largest < 0, -1, 1))


def _parts(vectors: Float32) -> list[slice]:
    step = max(1, _BATCH // max(1, vectors.shape[1]))
    return [slice(start, start + step) for start in range(0, len(vectors), step)]
