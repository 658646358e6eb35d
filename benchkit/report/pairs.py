"""What any two rows of a table differ by, small enough to stand in a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchkit.contracts.arrays import Float64, Int64
from benchkit.leaderboards.inference import intervals_of_differences
from benchkit.leaderboards.significance import MetricTest, Significance


def pairs(significance: Significance, labels: Sequence[str]) -> dict[str, Any]:
    """Return the comparison of all pairs of rows, by metric with cutoff, as plain data.

    A metric has the places of its ``rows``, and for each row of these, after the first, one entry
    for each row before it: the corrected ``p``, the interval ``low`` to ``high`` of their
    difference (the later less the earlier), and the sessions ``won`` and ``lost`` by the later.

    Args:
        significance: of the table.
        labels: of its rows, as they are shown.
    """
    tested = {key: _of_metric(test, labels) for key, test in significance.tests.items()}
    sessions = [len(s.by_session) for t in significance.tests.values() for s in t.samples.values()]
    return {"sessions": sessions[0] if sessions else 0, "metrics": tested}


def _of_metric(test: MetricTest, labels: Sequence[str]) -> dict[str, list[Any]]:
    rows = [row for row, label in enumerate(labels) if label in test.samples]
    samples = [test.samples[labels[row]] for row in rows]
    order = [list(test.samples).index(labels[row]) for row in rows]
    ends = intervals_of_differences(samples)
    won = _won(np.stack([sample.by_session for sample in samples]))
    return {
        "rows": rows,
        "p": _below(test.pairs[np.ix_(order, order)]),
        "low": _below(ends[:, :, 0]),
        "high": _below(ends[:, :, 1]),
        "won": _below(won),
        "lost": _below(won.T),
    }


def _won(values: Float64) -> Int64:
    """Return in how many sessions each row exceeds each other, ``int64[rows, rows]``."""
    return np.stack([(row > values).sum(axis=1) for row in values])


def _below(matrix: Float64 | Int64) -> list[float]:
    """Return what stands below the diagonal, row by row, with as many digits as a page shows."""
    lower = matrix[np.tril_indices(len(matrix), -1)].tolist()
    return [float(f"{value:.4g}") if isinstance(value, float) else value for value in lower]
