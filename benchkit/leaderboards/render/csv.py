"""Tables for spreadsheets and scripts: full precision, every line says what it is of."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from benchkit.contracts.published import Figures, PublishedRow
from benchkit.leaderboards.published import Comparison
from benchkit.leaderboards.render.beside import ONLY, facts
from benchkit.leaderboards.render.columns import Column
from benchkit.leaderboards.render.sheet import DASH
from benchkit.leaderboards.rows import FailedRow, Row
from benchkit.leaderboards.significance import Significance
from benchkit.leaderboards.tables import Table
from benchkit.toolkit.texts import visible

# Spreadsheets take text that begins like this for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")


@dataclass(frozen=True)
class Part:
    """A table, and what is shown of it.

    Attributes:
        table: the table.
        columns: those to show.
        comparison: the published figures beside it.
        significance: what its rows' ranks can tell apart.
        intervals: whether 95 % intervals are shown.
    """

    table: Table
    columns: Sequence[Column]
    comparison: Comparison
    significance: Significance = field(default_factory=Significance)
    intervals: bool = False


def render(parts: Iterable[Part]) -> str:
    """Return tables as one CSV document; columns that a table lacks are empty in its lines.

    A metric without a figure is an empty field, never 0; ``problem`` says why. Published rows that
    stand beside none of ours follow, a printed dash is one there too; runs that failed come last.
    """
    lines = []
    for part in parts:
        lines += [_line(row, part) for row in part.table.rows]
        alone = part.comparison.alone(part.table).items()
        lines += [_only(label, row, part) for label, row in alone]
        lines += [_failed(row, part.table) for row in part.table.failures]
    return document(lines)


def document(lines: Sequence[Mapping[str, object]]) -> str:
    """Return lines as CSV, with a column for every name and no field that acts as a formula."""
    names = dict.fromkeys(name for line in lines for name in line)
    buffer = StringIO()
    writer = csv.DictWriter(buffer, list(names), restval="", lineterminator="\n")
    writer.writerow({name: _safe(name) for name in names})
    writer.writerows({k: _safe(v) for k, v in line.items()} for line in lines)
    return buffer.getvalue()


def _line(row: Row, part: Part) -> dict[str, object]:
    line = {**about(part.table), **_who(row), "runs": len(row.runs)}
    reasons = (f"{name}: {row.failed_metrics[name]}" for name in row.failed_metrics)
    line["problem"] = "; ".join(reasons)
    for column in part.columns:
        line.setdefault(column.key, column.value(row))
        if column.is_metric:
            line[f"{column.key} spread"] = column.spread(row)
            _add_test(line, column.key, row, part)
            if not part.comparison.reason and part.comparison.results:
                _add_published(line, column.key, part.comparison.as_dict(row))
    return line


def _add_test(line: dict[str, object], key: str, row: Row, part: Part) -> None:
    test = part.significance.tests.get(key)
    if test is None:
        return
    line[f"{key} standing"] = part.significance.standing(key, row.label)
    line[f"{key} p"] = test.p.get(row.label)
    if part.intervals:
        low, high = test.intervals.get(row.label, (None, None))
        line |= {f"{key} low": low, f"{key} high": high}


def _add_published(line: dict[str, object], key: str, compared: dict[str, Any]) -> None:
    for what, values in compared.items():
        line[f"{key} {what}"] = _figure(values, key)


def _figure(figures: Figures, key: str) -> object:
    """Return a published figure, a dash where one is printed, None where nothing is."""
    return DASH if key in figures and figures[key] is None else figures.get(key)


def _only(label: str, row: PublishedRow, part: Part) -> dict[str, object]:
    """Return the line of a published row that stands beside none of ours."""
    figures = {c.key: _figure(row.figures, c.key) for c in part.columns if c.key in row.figures}
    line = {**about(part.table), "recommender": label, "label": row.label, "runs": 0}
    line["problem"] = "; ".join([ONLY, *facts(row, part.comparison)])
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
