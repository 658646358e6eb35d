"""Tables for spreadsheets and scripts: full precision, every line says what it is of."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

from benchkit.contracts.published import Figures, PublishedRow
from benchkit.leaderboards.published import Comparison
from benchkit.leaderboards.render.beside import ONLY, facts
from benchkit.leaderboards.render.columns import Column
from benchkit.leaderboards.render.sheet import DASH
from benchkit.leaderboards.rows import FailedRow, Row
from benchkit.leaderboards.tables import Table
from benchkit.toolkit.texts import visible

# Spreadsheets take text that begins like this for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")

Part = tuple[Table, Sequence[Column], Comparison]


def render(parts: Iterable[Part]) -> str:
    """Return tables as one CSV document; columns that a table lacks are empty in its lines.

    A metric without a figure is an empty field, never 0; ``problem`` says why. Published rows that
    stand beside none of ours follow, a printed dash is one there too; runs that failed come last.
    """
    lines = []
    for table, columns, comparison in parts:
        lines += [_line(row, table, columns, comparison) for row in table.rows]
        alone = comparison.alone(table).items()
        lines += [_only(label, row, table, columns, comparison) for label, row in alone]
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
    line = {**about(table), **_who(row), "runs": len(row.runs)}
    reasons = (f"{name}: {row.failed_metrics[name]}" for name in row.failed_metrics)
    line["problem"] = "; ".join(reasons)
    for column in columns:
        line.setdefault(column.key, column.value(row))
        if column.is_metric:
            line[f"{column.key} spread"] = column.spread(row)
            if not comparison.reason and comparison.results:
                _add_published(line, column.key, comparison.as_dict(row))
    return line


def _add_published(line: dict[str, object], key: str, compared: dict[str, Any]) -> None:
    for what, values in compared.items():
        line[f"{key} {what}"] = _figure(values, key)


def _figure(figures: Figures, key: str) -> object:
    """Return a published figure, a dash where one is printed, None where nothing is."""
    return DASH if key in figures and figures[key] is None else figures.get(key)


def _only(
    label: str, row: PublishedRow, table: Table, columns: Sequence[Column], comparison: Comparison
) -> dict[str, object]:
    """Return the line of a published row that stands beside none of ours."""
    figures = {c.key: _figure(row.figures, c.key) for c in columns if c.key in row.figures}
    line = {**about(table), "recommender": label, "label": row.label, "runs": 0}
    line["problem"] = "; ".join([ONLY, *facts(row, comparison)])
    return {**line, **{f"{key} published": value for key, value in figures.items()}}


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
