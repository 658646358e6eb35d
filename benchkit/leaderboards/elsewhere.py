"""Rows that came with a leaderboard's file: their records are on another machine.

Whoever gets a copy of ``leaderboards/`` (by git, say) gets its tables, not the records that they
were made from. Their rows stay where they stand, joined by what the same code does here with other
seeds, until the same thing is run here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchkit.contracts.errors import StorageError
from benchkit.leaderboards.record import UNREADABLE, impossible, is_finite, known_fields
from benchkit.leaderboards.rows import Row, Run
from benchkit.leaderboards.tables import Table

Tell = Callable[[str], None]


def files(out: Path) -> dict[str, Path]:
    """Return the leaderboards' files, by dataset."""
    return {path.stem: path for path in sorted(out.glob("*.json")) if path.name[0] != "."}


def read_tables(path: Path, dataset: str, leave_out: Tell = lambda _: None) -> list[Table]:
    """Return the tables of a leaderboard's file, failures left out: those were another machine's.

    A file that is not there holds none.

    Args:
        path: the file.
        dataset: which it must be of.
        leave_out: told one sentence for each row or table that cannot be used, and for fields that
            only a later version knows.

    Raises:
        StorageError: it cannot be read, or is no such file.
    """
    try:
        content = _parsed(path.read_text(encoding="utf-8"))
        parts = [content, *_listed(content.pop("other_tables"))]
        if strange := {part["dataset"] for part in parts} - {dataset}:
            raise ValueError(f"it is of dataset {strange.pop()!r}")
    except FileNotFoundError:
        return []
    except UNREADABLE as error:
        raise StorageError(
            f"cannot use the rows of other machines in {path} ({error}); restore the file, or "
            "remove it to begin a new one"
        ) from error
    unknown: set[str] = set()
    tables = []
    for part in parts:
        try:
            tables.append(_table(part, unknown, lambda row: leave_out(f"{path}: {row}")))
        except UNREADABLE as error:
            leave_out(f"{path}: a table is left out ({_words(error)})")
    if unknown:
        names = ", ".join(sorted(unknown))
        leave_out(f"{path}: fields that this version does not know are left out ({names})")
    return tables


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        if re.search("^<<<<<<< ", text, re.MULTILINE):
            raise ValueError("it holds a merge conflict") from None
        raise


def _table(content: dict[str, Any], unknown: set[str], leave_out: Tell) -> Table:
    rows = []
    for row in _listed(content["rows"]):
        try:
            rows.append(_row(row, unknown))
        except UNREADABLE as error:
            label = row.get("label") if isinstance(row, dict) else row
            leave_out(f"the row {label!r} is left out ({_words(error)})")
    known = _known(Table, content, unknown)
    table = Table(**{**known, "rows": rows, "failures": []})
    _demand(str, table.dataset, table.created, table.protocol["name"], table.protocol["rules"])
    _demand(str, table.data["fingerprint"], table.data["family"])
    _demand(Mapping, table.protocol["fingerprints"], table.data["config"], table.split)
    _demand((int, str), *_listed(table.protocol["ties"]))
    _finite([table.prompts, table.protocol["test_share"], table.data["synthetic"]])
    return table


def _row(content: dict[str, Any], unknown: set[str]) -> Row:
    runs = [_run(run, unknown) for run in _listed(content.get("each", []))]
    row = Row(**{**_known(Row, content, unknown), "each": runs})
    texts = (row.recommender, row.label, row.distribution, row.version, row.source, row.preset)
    _demand(str, *texts, *_listed(row.records))
    _demand(Mapping, row.config, row.overrides, row.search)
    _demand((int, str), *_listed(row.ties))
    spread = [value for value in row.spread.values() if value is not None]
    _finite([*spread, row.runs, *_listed(row.seeds), *_listed(row.prompts)])
    _measured(row)
    for name, value in row.metrics.items() if runs else ():
        mean = fmean(run.metrics[name] for run in runs)
        if not math.isclose(value, mean, rel_tol=1e-9, abs_tol=1e-12):
            raise ValueError(f"{name} is {value:g}, and the mean of its runs {mean:g}")
    return row


def _run(content: dict[str, Any], unknown: set[str]) -> Run:
    run = Run(**_known(Run, content, unknown))
    _demand(str, run.record, run.code)
    _demand((int, str), run.ties)
    _demand(Mapping, run.environment)
    _finite([run.seed, run.prompts])
    _measured(run)
    return run


def _measured(part: Row | Run) -> None:
    """Check what rows and their runs both say."""
    _demand(str, part.created, *part.failed_metrics.values())
    figures = (part.metrics, part.seconds, part.api, part.diagnostics)
    _finite([part.peak_memory, *(value for found in figures for value in found.values())])
    if problem := impossible(part.metrics):
        raise ValueError(problem)


def _known(kind: type, content: dict[str, Any], unknown: set[str]) -> dict[str, Any]:
    """Return the fields of a dataclass, and note the names of all others."""
    known = known_fields(kind, content)
    unknown.update(content.keys() - known.keys())
    return known


def _words(error: BaseException) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def _listed(value: Any) -> Sequence[Any]:
    _demand(list, value)
    found: Sequence[Any] = value
    return found


def _demand(kind: type | tuple[type, ...], *values: object) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"{value!r} is out of place")


def _finite(values: Iterable[object]) -> None:
    for value in values:
        if not is_finite(value):
            raise ValueError(f"{value!r} is not a finite number")
