"""What a table says about runs that are in none of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchkit.contracts.protocol import Ties
from benchkit.leaderboards.record import Failure, Record
from benchkit.leaderboards.rows import (
    Key,
    code_of,
    key_of,
    overrides_of,
    place_of,
    ties_of,
    ties_order,
)


@dataclass(frozen=True)
class FailedRow:
    """Runs of a recommender that ended without a result, all of its row or some, and why.

    Attributes:
        label: its name, with what tells it from others in its table; that of its row, if any.
        ties: orders of equal timestamps that it failed with.
        seeds: seeds that it failed with.
        reason: one line, of the newest failure.
    """

    recommender: str
    label: str
    distribution: str
    version: str
    config: Mapping[str, Any]
    preset: str
    overrides: Mapping[str, Any]
    ties: Sequence[Ties]
    seeds: Sequence[int]
    reason: str
    created: str


def missing(
    rows: Mapping[Key, Sequence[Record]], failures: Sequence[Failure]
) -> dict[Key, list[Failure]]:
    """Return the failures to list, by row."""
    found: dict[Key, list[Failure]] = {}
    for failure in failures:
        if _is_missing(failure, rows.get(key_of(failure), ())):
            found.setdefault(key_of(failure), []).append(failure)
    return found


def _is_missing(failure: Failure, runs: Sequence[Record]) -> bool:
    """Tell whether a row lacks what failed: of its code and not run since, or of newer code."""
    if not runs:
        return True
    if code_of(failure) == code_of(runs[0]):
        return place_of(failure) not in map(place_of, runs)
    return failure.latest > max(run.latest for run in runs)


def failed_row(label: str, failures: Sequence[Failure]) -> FailedRow:
    newest = max(failures, key=lambda failure: failure.created)
    about = newest.identity.recommender
    return FailedRow(
        recommender=about["name"],
        label=label,
        distribution=about["distribution"],
        version=about["version"],
        config=newest.identity.config,
        preset=newest.preset,
        overrides=overrides_of(newest),
        ties=sorted({ties_of(failure) for failure in failures}, key=ties_order),
        seeds=sorted({failure.identity.seed for failure in failures}),
        reason=newest.reason,
        created=newest.created,
    )
