"""Reading what runs kept: a damaged file is reported and hides no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchkit.contracts.errors import StorageError
from benchkit.leaderboards import elsewhere, store
from benchkit.leaderboards.record import (
    RECORDS,
    UNREADABLE,
    Failure,
    Identity,
    Record,
    known_fields,
    problem_of_identity,
)
from benchkit.leaderboards.tables import Table


@dataclass
class Collected:
    """Everything known about one dataset, oldest first.

    Attributes:
        records: finished runs.
        failures: runs that ended without a record and have none since.
        elsewhere: tables that came with the leaderboard's file.
        damaged: one sentence where that file could not be read, else "".
        incomplete: one sentence for each part of that file that is left out.
        unreadable: one sentence for each record or failure that could not be read.
    """

    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    elsewhere: list[Table] = field(default_factory=list)
    damaged: str = ""
    incomplete: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """One sentence for all that could not be read, the leaderboard's own file first."""
        return [*filter(None, [self.damaged]), *self.incomplete, *self.unreadable]


def datasets(out: Path) -> list[str]:
    """Return the names of the datasets that have records or failures under `out`."""
    found = (path.parent for path in (out / RECORDS).glob("*/*") if not _hidden(path))
    return sorted({folder.name for folder in found if not _hidden(folder)})


def collect(out: Path, dataset: str) -> Collected:
    """Read all records and failures of one dataset, and what its leaderboard's file holds."""
    folder = out / RECORDS / dataset
    found = Collected()
    try:
        found.elsewhere = elsewhere.read_tables(
            out / f"{dataset}.json", dataset, found.incomplete.append
        )
    except StorageError as error:
        found.damaged = str(error)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _hidden(path) or _is_aside(path):
            continue
        try:
            if path.name.endswith(".failed.json"):
                found.failures.append(_failure(path, dataset))
            elif path.is_dir():
                found.records.append(_record(path / "record.json", dataset))
        except FileNotFoundError:  # removed, or being replaced by another run this moment
            continue
        except StorageError as error:
            found.unreadable.append(str(error))
    found.records.sort(key=lambda record: record.created)
    found.failures.sort(key=lambda failure: failure.created)
    return found


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")  # not yet finished, or on its way out


def _is_aside(path: Path) -> bool:
    return ".damaged" in path.name


def _record(path: Path, dataset: str) -> Record:
    record = store.read(path)
    _check_dataset(path, record.identity, dataset)
    return record


def _failure(path: Path, dataset: str) -> Failure:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        identity = Identity(**content["identity"])
        failure = Failure(**{**known_fields(Failure, content), "identity": identity})
        problem = problem_of_identity(asdict(identity))
        if not isinstance(failure.reason, str) or not isinstance(failure.created, str):
            problem = "no reason or time"
        if not isinstance(failure.overrides, Mapping) or not isinstance(failure.preset, str):
            problem = "no preset or overrides"
    except FileNotFoundError:
        raise
    except UNREADABLE as error:
        problem = str(error)
    if problem:
        raise StorageError(f"cannot read {path} ({problem}); remove it and run again")
    _check_dataset(path, failure.identity, dataset)
    return failure


def _check_dataset(path: Path, identity: Identity, dataset: str) -> None:
    if (name := identity.dataset["name"]) != dataset:
        raise StorageError(f"cannot use {path}: it is of dataset {name!r}; move it to where it was")
