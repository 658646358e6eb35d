"""Rows that came with a leaderboard's file: their records are on another machine.

Whoever gets a copy of ``leaderboards/`` (by git, say) gets its tables, not the records that they
were made from. Their rows stay where they stand, joined by what the same code does here with other
seeds, until the same thing is run here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchkit.errors import StorageError
from benchkit.stages.rows import Row, Run
from benchkit.stages.tables import Table


def files(out: Path) -> dict[str, Path]:
    """Return the leaderboards' files, by dataset."""
    return {path.stem: path for path in sorted(out.glob("*.json")) if path.name[0] != "."}


def read_tables(path: Path, dataset: str) -> list[Table]:
    """Return the tables of a leaderboard's file, failures left out: those were another machine's.

    A file that is not there holds none.

    Raises:
        StorageError: it cannot be read, or is no such file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        others = content.pop("other_tables")
        tables = [_table(part) for part in (content, *others)]
        strange = {table.dataset for table in tables} - {dataset}
        if strange:
            raise ValueError(f"it is of dataset {strange.pop()!r}")
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"cannot use the rows of other machines in {path} ({error}); restore the file, or "
            "remove it to begin a new one"
        ) from error
    return tables


def _table(content: dict[str, Any]) -> Table:
    rows = [_row(row) for row in content["rows"]]
    table = Table(**{**content, "rows": rows, "failures": []})
    _demand(str, table.dataset, table.created, table.protocol["name"], table.protocol["rules"])
    _demand(str, table.data["fingerprint"], table.data["family"])
    _demand(Mapping, table.protocol["fingerprints"], table.data["config"], table.split)
    _demand((int, str), *_listed(table.protocol["ties"]))
    _finite([table.prompts, table.protocol["test_share"], table.data["synthetic"]])
    return table


def _row(content: dict[str, Any]) -> Row:
    row = Row(**{**content, "each": [_run(run) for run in _listed(content.get("each", []))]})
    texts = (row.recommender, row.label, row.distribution, row.version, row.source, row.preset)
    _demand(str, *texts, *_listed(row.records))
    _demand(Mapping, row.config, row.overrides, row.search)
    _demand((int, str), *_listed(row.ties))
    spread = [value for value in row.spread.values() if value is not None]
    _finite([*spread, row.runs, *_listed(row.seeds), *_listed(row.prompts)])
    _measured(row)
    return row


def _run(content: dict[str, Any]) -> Run:
    run = Run(**content)
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


def _listed(value: Any) -> Sequence[Any]:
    _demand(list, value)
    found: Sequence[Any] = value
    return found


def _demand(kind: type | tuple[type, ...], *values: object) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"{value!r} is out of place")


def _finite(values: Iterable[float]) -> None:
    for value in values:
        if not math.isfinite(value):
            raise ValueError("a figure is no number")
