"""One list made of two: what the hybrids share."""

from __future__ import annotations

import numpy as np

from benchkit import Recommendations
from benchkit.contracts.arrays import Int32
from benchkit.toolkit.arrays import distinct


def behind(first: Int32, second: Int32, k: int) -> Recommendations:
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
    worth = (1 / np.arange(1, k + 1)).astype(np.float32)
    scores = np.where(items >= 0, worth, np.float32(-np.inf))
    return Recommendations(np.ascontiguousarray(items), scores)
