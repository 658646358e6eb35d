"""A dataset's portrait: popularity, lengths, diversity of sessions (paper, Figures 11 and 12)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchkit.contracts.arrays import Float32, Float64, Int64
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.sessions import Sessions
from benchkit.toolkit.arrays import normalised

_CELLS = 1 << 22  # numbers held at once
_QUANTILES = {"5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95}


@dataclass(frozen=True, eq=False)
class Portrait:
    """What the pictures show of a dataset.

    Attributes:
        popularity: interactions of each item, most popular first, ``int64[items]``.
        lengths: interactions of each session, ``int64[sessions]``.
        distances: mean pairwise Euclidean distance of the items of each session of two or more,
            ``float64[...]``; None without embeddings.
        distances_by_chance: the same for sessions of equal lengths whose items are drawn at random
            by popularity.
        affinity: their mean cosine, instead of the distance.
        affinity_by_chance: likewise.
    """

    popularity: Int64
    lengths: Int64
    distances: Float64 | None = None
    distances_by_chance: Float64 | None = None
    affinity: Float64 | None = None
    affinity_by_chance: Float64 | None = None

    def rows(self) -> list[tuple[str, str]]:
        """Return (label, value) pairs as `benchkit data info` prints them."""
        total = self.popularity.sum()
        rows = [
            (f"interactions with the top {share:.0%} of the items", f"{part / total:.1%}")
            for share in (0.01, 0.1, 0.25)
            if (part := self.popularity[: max(1, round(share * len(self.popularity)))].sum())
        ]
        rows += _quantiles("interactions a session", self.lengths, "{:,.0f}")
        for label, values, chance in (
            ("mean distance in a session", self.distances, self.distances_by_chance),
            ("mean cosine in a session", self.affinity, self.affinity_by_chance),
        ):
            if values is not None and chance is not None:
                rows += _quantiles(label, values, "{:.3f}")
                rows += [(f"{label} by chance, median", f"{np.median(chance):.3f}")]
        return rows


def portrait(prepared: PreparedDataset, vectors: Float32 | None = None) -> Portrait:
    """Return a dataset's portrait; `vectors` as `distances` takes them."""
    counts = prepared.item_counts()
    popularity, lengths = np.sort(counts)[::-1], prepared.sessions.lengths
    if vectors is None:
        return Portrait(popularity, lengths)
    rng = np.random.default_rng(0)
    drawn = rng.choice(len(counts), prepared.sessions.interactions, p=counts / counts.sum())
    shuffled = replace(prepared.sessions, items=drawn.astype(np.int32))
    return Portrait(
        popularity,
        lengths,
        distances(prepared.sessions, vectors),
        distances(shuffled, vectors),
        affinity(prepared.sessions, vectors),
        affinity(shuffled, vectors),
    )


def distances(sessions: Sessions, vectors: Float32) -> Float64:
    """Return the mean Euclidean distance of each session's pairs of interactions (Figure 12).

    Vectors are as the embedder gives them. Sessions with fewer than two embedded interactions are
    left out.

    Args:
        sessions: any.
        vectors: embeddings of the items, ``float32[items, dim]``, zero where an item has none.
    """
    kept = _embedded(sessions, vectors)
    means = np.empty(len(kept))
    for length in np.unique(kept.lengths).tolist():
        rows = np.flatnonzero(kept.lengths == length)
        step = max(1, _CELLS // (length * max(length, vectors.shape[1])))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            items = kept.take(part).items.reshape(len(part), length)
            means[part] = _mean_distances(vectors[items].astype(np.float64))
    return means


def _mean_distances(points: Float64) -> Float64:
    """Return the mean distance of each set's pairs: ``[sets, points, dim]`` in, ``[sets]`` out."""
    products = points @ points.transpose(0, 2, 1)
    squares = np.diagonal(products, axis1=1, axis2=2)
    between = squares[:, :, None] + squares[:, None, :] - 2 * products
    count = points.shape[1]
    between[:, np.arange(count), np.arange(count)] = 0.0
    roots = np.sqrt(np.maximum(between, 0.0))  # below zero by rounding alone
    return np.asarray(roots.sum(axis=(1, 2)) / (count * (count - 1)))


def affinity(sessions: Sessions, vectors: Float32) -> Float64:
    """Return the mean cosine similarity of each session's pairs of interactions.

    Sessions are left out, and vectors are, as for `distances`.
    """
    units = normalised(vectors)
    kept = _embedded(sessions, vectors)
    sums = np.zeros((len(kept), units.shape[1]))
    for start in range(0, len(kept), 4096):  # bounded memory, whatever the dimension
        part = kept.between(start, min(start + 4096, len(kept)))
        sums[start : start + len(part)] = np.add.reduceat(
            units[part.items].astype(np.float64), part.offsets[:-1], axis=0
        )
    # |sum of n unit vectors|^2 = n + twice the sum over pairs of their cosines.
    n = kept.lengths
    return np.asarray(((sums**2).sum(axis=1) - n) / (n * (n - 1)), dtype=np.float64)


def _embedded(sessions: Sessions, vectors: Float32) -> Sessions:
    """Return the sessions of two interactions or more with embedded items, less the others."""
    has_text = np.asarray(vectors.any(axis=1))
    embedded = sessions.where(has_text[sessions.items])
    return embedded.take(np.flatnonzero(embedded.lengths >= 2))


def _quantiles(label: str, values: Int64 | Float64, style: str) -> list[tuple[str, str]]:
    return [
        (f"{label}, {name}", style.format(np.quantile(values, quantile)))
        for name, quantile in _QUANTILES.items()
    ]
