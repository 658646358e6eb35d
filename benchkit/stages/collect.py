"""Reading what runs kept: a damaged file is reported and hides no other."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchkit.errors import StorageError
from benchkit.stages import elsewhere
from benchkit.stages import record as store
from benchkit.stages.record import Failure, Identity, Record
from benchkit.stages.tables import Table


@dataclass
class Collected:
    """Everything known about one dataset, oldest first.

    Attributes:
        records: finished runs.
        failures: runs that ended without a record and have none since.
        elsewhere: tables that came with the leaderboard's file.
        damaged: one sentence where that file could not be read, else "".
        unreadable: one sentence for each record or failure that could not be read.
    """

    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    elsewhere: list[Table] = field(default_factory=list)
    damaged: str = ""
    unreadable: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """One sentence for each file that could not be read, the leaderboard's own first."""
        return [self.damaged, *self.unreadable] if self.damaged else self.unreadable


def datasets(out: Path) -> list[str]:
    """Return the names of the datasets that have records or failures under `out`."""
    found = (path.parent for path in (out / store.RECORDS).glob("*/*") if not _hidden(path))
    return sorted({folder.name for folder in found if not _hidden(folder)})


def collect(out: Path, dataset: str) -> Collected:
    """Read all records and failures of one dataset, and what its leaderboard's file holds."""
    folder = out / store.RECORDS / dataset
    found = Collected()
    try:
        found.elsewhere = elsewhere.read_tables(out / f"{dataset}.json", dataset)
    except StorageError as error:
        found.damaged = str(error)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _hidden(path):  # not yet finished, or on its way out
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
    return path.name.startswith(".")


def _record(path: Path, dataset: str) -> Record:
    try:
        record = store.read(path)
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise error.__cause__ from None
        raise
    problem = _problem(record.identity, dataset) or _problem_with_values(record)
    if problem:
        raise StorageError(
            f"cannot use the record {path} ({problem}); remove the folder {path.parent} "
            "and run again"
        )
    return record


def _failure(path: Path, dataset: str) -> Failure:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        failure = Failure(**{**content, "identity": Identity(**content["identity"])})
        problem = _problem(failure.identity, dataset)
        if not isinstance(failure.reason, str) or not isinstance(failure.created, str):
            problem = "no reason or time"
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = str(error)
    if problem:
        raise StorageError(f"cannot read {path} ({problem}); remove it and run again")
    return failure


def _problem(identity: Identity, dataset: str) -> str:
    """Return what is wrong with an identity, "" if nothing."""
    required = {
        "dataset": ("name", "family", "synthetic", "config", "fingerprint"),
        "protocol": ("name", "ties", "test_share", "fingerprint", "rules"),
        "recommender": ("name", "distribution", "version", "source"),
    }
    for part, names in required.items():
        content = getattr(identity, part)
        if not isinstance(content, Mapping) or any(name not in content for name in names):
            return f"its {part} is incomplete"
    if not isinstance(identity.config, Mapping) or not isinstance(identity.seed, int):
        return "its config or seed is no such thing"
    if not isinstance(identity.protocol["ties"], (int, str)):
        return "its ties are neither a seed nor a word"
    name = identity.dataset["name"]
    return "" if name == dataset else f"it is of dataset {name!r}"


def _problem_with_values(record: Record) -> str:
    """Return what is wrong with a record's figures, "" if nothing."""
    parts = (record.metrics, record.seconds, record.api, record.diagnostics)
    maps = (
        *parts,
        record.overrides,
        record.failed_metrics,
        record.metric_sources,
        record.split,
        record.search,
    )
    if not all(isinstance(part, Mapping) for part in maps):
        return "a part of it is no mapping"
    numbers = [value for part in parts for value in part.values()]
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in numbers):
        return "a figure is no number"
    texts = (record.preset, record.created, record.asked)
    known = all(isinstance(text, str) for text in texts)
    return "" if known else "its preset or time is no text"
