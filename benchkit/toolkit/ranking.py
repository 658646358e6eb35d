"""From scores to ranked lists: exclusion of seen items and order among ties, in one place."""

from __future__ import annotations

from math import isqrt
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchkit.contracts.arrays import Bool, Float32, Int32, Int64, UInt64
from benchkit.contracts.errors import PluginError
from benchkit.contracts.recommender import ExcludeSeen, Recommendations
from benchkit.contracts.sessions import Sessions
from benchkit.toolkit.arrays import mix, sequence_keys

Scalar = TypeVar("Scalar", bound=np.generic)


def tie_keys(prompts: Sessions, seed: int) -> UInt64:
    """Return what decides, with the item, the order among each prompt's equal scores.

    Any order that a model could have learnt, by popularity say, would be a recommender of its own:
    half of V-SKNN's lists of 20 are tied at their end. So equals are ordered by a hash of the
    prompt's items, the item and the seed.

    Args:
        prompts: the whole prompts, whatever is read of them.
        seed: the bench's.

    Returns:
        ``uint64[prompts]``, for `top_k` and `top_k_of`.
    """
    return sequence_keys(prompts, seed)


def excluded(prompts: Sessions, read: Sessions, exclude_seen: ExcludeSeen) -> Sessions:
    """Return the items to keep out of each prompt's list.

    Args:
        prompts: the whole prompts.
        read: what the recommender reads of them (its last items, say).
        exclude_seen: the recommender's parameter.
    """
    if exclude_seen == "none":
        return prompts.where(np.zeros(prompts.interactions, dtype=bool))
    return read if exclude_seen == "read" else prompts


def top_k(scores: Float32, k: int, ties: UInt64, exclude: Sessions) -> Recommendations:
    """Return the best `k` items of each row of scores.

    Args:
        scores: ``float32[prompts, items]``, ``-inf`` where an item is no candidate; overwritten
            at the excluded items.
        k: length of the lists.
        ties: `tie_keys` of the rows' prompts.
        exclude: items to leave out, one session a row.

    Raises:
        PluginError: a score is not a number.
    """
    ties = np.broadcast_to(ties, len(scores))
    scores[exclude.owners, exclude.items] = -np.inf
    rows, codes = contenders(scores, k)
    return top_k_of(rows, codes, scores[rows, codes], k, ties)


def contenders(scores: Float32, k: int, slack: float = 0.0) -> tuple[Int64, Int32]:
    """Return where each row's `k` best scores stand, ties among them and a few more.

    Columns are dealt into groups. At least `k` scores reach the k-th largest of the groups' maxima,
    and whatever reaches it stands in a group whose maximum does: one pass over the scores, then
    only the maxima and a few groups are looked at.

    Args:
        scores: ``float32[rows, columns]``; ``-inf`` never contends.
        k: at least 1.
        slack: how far below the k-th best a score still contends, where scores are inexact.

    Returns:
        Rows ``int64[contenders]``, ascending, and columns ``int32[contenders]``.

    Raises:
        PluginError: a score is not a number.
    """
    columns = scores.shape[1]
    # Balances the maxima to look at, `columns / size`, against the scores of k groups, `k * size`.
    size = max(1, isqrt(columns // (2 * k)))
    groups = -(-columns // size)
    maxima = scores[:, :groups].copy()
    for first in range(groups, columns, groups):
        part = scores[:, first : first + groups]
        np.maximum(maxima[:, : part.shape[1]], part, out=maxima[:, : part.shape[1]])
    demand_numbers(maxima)  # what is not a number stays so in a maximum
    short = min(k, groups)
    threshold = np.partition(maxima, groups - short, axis=1)[:, groups - short] - slack
    rows, places = np.nonzero((maxima >= threshold[:, None]) & (maxima > -np.inf))
    found = places[:, None] + groups * np.arange(size)
    values = scores[rows[:, None], np.minimum(found, columns - 1)]
    reached = (values >= threshold[rows, None]) & (values > -np.inf) & (found < columns)
    return np.repeat(rows, reached.sum(axis=1)), found[reached].astype(np.int32)


def top_k_of(
    rows: Int64,
    codes: Int32,
    scores: Float32,
    k: int,
    ties: UInt64,
    *,
    exclude: Sessions | None = None,
) -> Recommendations:
    """Return the best `k` of scattered candidates, the same way as `top_k`.

    Args:
        rows: prompt of each candidate, ``int64[candidates]``, in any order.
        codes: item of each candidate, distinct within a prompt, ``int32[candidates]``.
        scores: score of each candidate, ``float32[candidates]``.
        k: length of the lists.
        ties: `tie_keys` of the prompts.
        exclude: items to leave out, one session a row; None leaves out nothing.

    Raises:
        PluginError: a score is not a number.
    """
    demand_numbers(scores)
    prompts = len(ties)
    if exclude is not None:
        allowed = _allowed(rows, codes, exclude)
        rows, codes, scores = rows[allowed], codes[allowed], scores[allowed]
    kept = _contenders(rows, scores, k, prompts)
    rows, codes, scores = rows[kept], codes[kept], scores[kept]
    order = np.lexsort((mix(ties[rows] ^ codes.astype(np.uint64)), -scores, rows))
    rows, codes, scores = rows[order], codes[order], scores[order]
    places = np.arange(len(rows)) - np.searchsorted(rows, np.arange(prompts))[rows]
    listed = places < k
    lists = Recommendations.empty(prompts, k)
    lists.items[rows[listed], places[listed]] = codes[listed]
    lists.scores[rows[listed], places[listed]] = scores[listed]
    return lists


def kth_largest(values: npt.NDArray[Scalar], offsets: Int64, k: int) -> npt.NDArray[Scalar]:
    """Return the `k`-th largest value of each ragged row, its smallest where it has fewer.

    Args:
        values: any numbers, row behind row.
        offsets: where the rows begin, ``int64[rows + 1]``.
        k: at least 1.

    Returns:
        One value a row, of the dtype of `values`; 0 for an empty row.
    """
    thresholds = np.zeros(len(offsets) - 1, dtype=values.dtype)
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        thresholds[filled] = np.minimum.reduceat(values, offsets[filled])
    for row in np.flatnonzero(np.diff(offsets) > k):
        place = int(offsets[row + 1] - offsets[row]) - k
        thresholds[row] = np.partition(values[offsets[row] : offsets[row + 1]], place)[place]
    return thresholds


def demand_numbers(scores: Float32) -> None:
    """Refuse scores of any shape that are not a number: no order holds them.

    Raises:
        PluginError: there is one.
    """
    if np.isnan(scores).any():
        raise PluginError("a score is not a number (NaN)")


def _allowed(rows: Int64, codes: Int32, exclude: Sessions) -> Bool:
    items = 1 + max(int(codes.max(initial=-1)), int(exclude.items.max(initial=-1)))
    seen = np.zeros((len(exclude), items), dtype=bool)
    seen[exclude.owners, exclude.items] = True
    return ~seen[rows, codes]


def _contenders(rows: Int64, scores: Float32, k: int, prompts: int) -> Int64:
    """Return where the candidates stand that reach their prompt's `k`-th best score.

    Sorting is the dear part of ranking; most candidates need not take part in it.
    """
    order = np.argsort(rows, kind="stable")
    offsets = np.searchsorted(rows[order], np.arange(prompts + 1))
    return order[scores[order] >= kth_largest(scores[order], offsets, k)[rows[order]]]
