"""The items most similar to session embeddings, exactly, without holding more scores than a batch.

One matrix product gives approximate scores; the few items that may be among the best are scored
once more, pair by pair. So a list depends neither on its batch nor on the order in which the matrix
product adds, items with equal embeddings score equally, and ties break as everywhere.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from benchkit.contracts.arrays import Bool, Float32, Int32, Int64, UInt64
from benchkit.contracts.recommender import Recommendations
from benchkit.contracts.sessions import Sessions
from benchkit.toolkit.arrays import distinct, normalised
from benchkit.toolkit.ranking import contenders, top_k_of

Similarity = Literal["cosine", "dot", "euclidean"]
_BATCH = 1 << 26  # scores held at once, 4 bytes each
_CACHED = 1 << 18  # numbers of two operands that are worked on at once


class SimilarItems:
    """A catalog to look up items by an embedding.

    Attributes:
        vectors: embeddings of length 1, ``float32[items, dim]``; zero for an item without text.
        present: which items have an embedding, ``bool[items]``; no other is ever found.
    """

    def __init__(self, vectors: Float32) -> None:
        """Prepare the search in embeddings of any length, ``float32[items, dim]``; zero: none."""
        self.vectors = normalised(vectors)
        self.present: Bool = np.any(self.vectors != 0, axis=1)
        self._absent = np.flatnonzero(~self.present)
        self.batch = max(1, _BATCH // max(1, len(vectors)))
        # Twice what two float32 sums of `dim` products of unit vectors can differ by.
        self._slack = 4 * vectors.shape[1] * 2.0**-24

    def best(
        self, queries: Float32, k: int, ties: UInt64, exclude: Sessions, similarity: Similarity
    ) -> Recommendations:
        """Return the `k` items most similar to each query; none for a zero query.

        Items have length 1, so all three similarities rank alike, by cosine; they differ in the
        scores.

        Args:
            queries: ``float32[queries, dim]``, at most `batch` of them.
            k: length of the lists.
            ties: what orders equals, a key a query: `benchkit.toolkit.ranking.tie_keys`.
            exclude: items to leave out, one session a query.
            similarity: cosine; dot product; euclidean as 1 / (1 + distance).
        """
        lengths = np.sqrt(np.einsum("qd,qd->q", queries, queries, dtype=np.float64))
        units = (queries / np.where(lengths > 0, lengths, 1)[:, None]).astype(np.float32)
        scores = units @ self.vectors.T
        scores[:, self._absent] = -np.inf
        scores[lengths == 0] = -np.inf
        scores[exclude.owners, exclude.items] = -np.inf
        rows, codes = contenders(scores, k, self._slack)
        exact = dots(units, rows, self.vectors, codes)
        lists = top_k_of(rows, codes, exact, k, ties)
        return Recommendations(lists.items, _as(similarity, lists.scores, lengths[:, None]))


def dots(left: Float32, rows: Int64, right: Float32, columns: Int32 | Int64) -> Float32:
    """Return ``left[rows[i]] @ right[columns[i]]`` for each i, whatever stands beside it.

    Returns:
        ``float32[pairs]``.
    """
    products = np.empty(len(rows), dtype=np.float32)
    step = max(1, _CACHED // max(1, left.shape[1]))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        np.einsum("pd,pd->p", left[rows[part]], right[columns[part]], out=products[part])
    return products


def _as(similarity: Similarity, cosines: Float32, lengths: np.ndarray) -> Float32:
    if similarity == "cosine":
        return cosines
    with np.errstate(invalid="ignore"):  # an empty place of an empty query: -inf * 0
        scores = np.where(cosines > -np.inf, cosines * lengths, -np.inf)
    if similarity == "euclidean":
        scores = np.sqrt(np.maximum(lengths**2 + 1 - 2 * scores, 0))
        scores = np.where(np.isfinite(scores), 1 / (1 + scores), -np.inf)
    return np.asarray(scores, dtype=np.float32)


def append_new(first: Int32, second: Int32, k: int) -> Recommendations:
    """Return the items of `first`, then those of `second` that are new, cut at `k`.

    Scores are 1 / place: those of two lists do not compare.

    Args:
        first: item codes, ``int32[prompts, any]``, -1 for a gap.
        second: likewise.
        k: length of the lists.
    """
    together = np.concatenate((first, second), axis=1)
    short = max(0, k - together.shape[1])
    items = np.pad(distinct(together)[:, :k], ((0, 0), (0, short)), constant_values=-1)
    by_place = (1 / np.arange(1, k + 1)).astype(np.float32)
    scores = np.where(items >= 0, by_place, np.float32(-np.inf))
    return Recommendations(np.ascontiguousarray(items), scores)
