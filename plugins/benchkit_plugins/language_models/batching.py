"""Texts of different lengths in batches that hold little padding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchkit.contracts.arrays import Int64


def batches_by_length(lengths: Int64, tokens: int) -> Iterator[Int64]:
    """Yield rows of similar length, the longest first: memory runs out at once or never.

    Args:
        lengths: tokens of each text, ``int64[texts]``.
        tokens: most tokens a batch, padding included; one text at least is in each.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(1, tokens // max(1, int(lengths[order[start]])))
        yield order[start:stop]
        start = stop
