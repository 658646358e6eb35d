"""Timestamps: whole seconds since 1970, checked for plausibility."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchkit.contracts.sessions import Int64
from benchkit.errors import DataError

LATEST = 4_102_444_800  # 2100-01-01


def in_range(earliest: Any, latest: Any) -> bool:
    """Tell whether timestamps between these two are plausible: from 1970 until 2100.

    None, the extreme of no timestamps at all, is.
    """
    return earliest is None or (earliest >= 0 and latest < LATEST)


def out_of_range(times: Int64, where: Callable[[int], str]) -> DataError:
    """Return the error for the first timestamp that is out of range.

    Args:
        times: seconds since 1970, at least one of them out of range.
        where: gives the place of a row: file and line.
    """
    row = int(np.flatnonzero((times < 0) | (times >= LATEST))[0])
    hint = '; is it in milliseconds? In a dataset of your own: time_unit = "ms"'
    if not 0 <= times[row] // 1000 < LATEST:
        hint = ""
    return DataError(
        f"{where(row)}: timestamp {times[row]} is out of range, "
        f"which is 0 (1970) to {LATEST - 1} (2099) seconds{hint}"
    )
