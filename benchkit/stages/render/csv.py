"""Tables for spreadsheets and scripts: full precision, every line says what it is of."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

from benchkit.stages.failed import FailedRow
from benchkit.stages.published import Comparison
from benchkit.stages.render.columns import Column
from benchkit.stages.render.text import visible
from benchkit.stages.rows import Row
from benchkit.stages.tables import Table

# Spreadsheets take text that begins like this for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")

Part = tuple[Table, Sequence[Column], Comparison]


def render(parts: Iterable[Part]) -> str:
    """Return tables as one CSV document; columns that a table lacks are empty in its lines.

    A metric without a figure is an empty field, never 0; ``problem`` says why. Runs that failed
    come last.
    """
    lines = []
    for table, columns, comparison in parts:
        lines += [_line(row, table, columns, comparison) for row in table.rows]
        lines += [_failed(row, table) for row in table.failures]
    return document(lines)


def document(lines: Sequence[Mapping[str, object]]) -> str:
    """Return lines as CSV, with a column for every name and no field that acts as a formula."""
    names = dict.fromkeys(name for line in lines for name in line)
    buffer = StringIO()
    writer = csv.DictWriter(buffer, list(names), restval="", lineterminator="\n")
    writer.writerow({name: _safe(name) for name in names})
    writer.writerows({k: _safe(v) for k, v in line.items()} for line in lines)
    return buffer.getvalue()


def _line(
    row: Row, table: Table, columns: Sequence[Column], comparison: Comparison
) -> dict[str, object]:
    line = {**about(table), **_who(row), "runs": row.runs}
    reasons = (f"{name}: {row.failed_metrics[name]}" for name in row.failed_metrics)
    line["problem"] = "; ".join(reasons)
    for column in columns:
        line.setdefault(column.key, column.value(row))
        if column.is_metric:
            line[f"{column.key} spread"] = row.spread.get(column.key)
            if not comparison.reason and comparison.results:
                _add_published(line, column.key, comparison.as_dict(row))
    return line


def _add_published(line: dict[str, object], key: str, compared: dict[str, Any]) -> None:
    for what, values in compared.items():
        line[f"{key} {what}"] = values.get(key)


def _failed(row: FailedRow, table: Table) -> dict[str, object]:
    return {**about(table), **_who(row), "runs": 0, "problem": row.reason}


def about(table: Table) -> dict[str, object]:
    """Return what every line says about its table."""
    return {
        "dataset": table.dataset,
        "generated": "yes" if table.data["synthetic"] else "no",
        "data": table.data["fingerprint"],
        "protocol": table.protocol["name"],
        "rules": table.protocol["rules"],
    }


def _who(row: Row | FailedRow) -> dict[str, object]:
    return {
        "recommender": row.recommender,
        "label": row.label,
        "preset": row.preset,
        "ties": _listed(row.ties),
        "seeds": _listed(row.seeds),
    }


def _listed(values: Iterable[object]) -> str:
    return " ".join(map(str, values))


def _safe(value: object) -> object:
    """Return numbers as they are, text such that no spreadsheet computes it."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
