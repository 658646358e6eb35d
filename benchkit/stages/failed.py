"""What a table says about recommenders that have no row in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchkit.protocol import Ties
from benchkit.stages.record import Failure, Record
from benchkit.stages.rows import Key, code_of, key_of, overrides_of, ties_of, ties_order


@dataclass(frozen=True)
class FailedRow:
    """A recommender that has no row, and why.

    Attributes:
        label: its name, with what tells it from others in its table.
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
    """Return the failures to list: without a row, or newer than the code that the row is of."""
    found: dict[Key, list[Failure]] = {}
    for failure in failures:
        runs = rows.get(key_of(failure), ())
        outdated = runs and code_of(runs[0]) != code_of(failure)
        if not runs or (outdated and failure.created > max(run.created for run in runs)):
            found.setdefault(key_of(failure), []).append(failure)
    return found


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
