"""A table as a sheet: what stands where, whatever the format."""

from __future__ import annotations

from collections.abc import Sequence

from benchkit.leaderboards.published import Comparison
from benchkit.leaderboards.render.beside import ONLY, add_rows, set_beside
from benchkit.leaderboards.render.captions import (
    INTERVALS,
    NO_INTERVALS,
    alarm,
    caption,
    failures,
    tested,
)
from benchkit.leaderboards.render.columns import Column
from benchkit.leaderboards.render.sheet import NOTHING, Cell, Line, Mark, Sheet
from benchkit.leaderboards.rows import Row
from benchkit.leaderboards.significance import MetricTest, Significance
from benchkit.leaderboards.tables import Table

# Means that agree to this many digits are equal: the order of summation decides the rest.
_DIGITS = 12
_STANDINGS: dict[str, Mark] = {"best": "best", "tied": "tied", "worse": "", "untested": ""}


def lay_out(
    table: Table,
    columns: Sequence[Column],
    comparison: Comparison | None = None,
    by: Column | None = None,
    significance: Significance | None = None,
    *,
    intervals: bool = False,
) -> Sheet:
    """Return a table's sheet; rows keep their order.

    Args:
        table: the table.
        columns: what to show.
        comparison: published figures to set beside ours; None shows none.
        by: what the rows are sorted by, for the caption; None says nothing of it.
        significance: what the rows' ranks can tell apart.
        intervals: show 95 % intervals in place of standard deviations.
    """
    significance = significance or Significance()
    sorted_by = [f"Rows by {by.name}, best first."] if by and len(table.rows) > 1 else []
    keys = [column.key for column in columns if column.key in significance.tests]
    words = (INTERVALS if keys else NO_INTERVALS) if intervals else ""
    sheet = Sheet(
        title=f"{table.dataset}, {table.protocol['name']} protocol",
        alarm=alarm(table),
        caption=[
            *sorted_by,
            *tested(significance, columns),
            *caption(table, columns, comparison, intervals=words),
        ],
        columns=columns,
        failures=failures(table),
        tested=keys,
    )
    marks = [_marks(table.rows, column, significance) for column in columns]
    for row, row_marks in zip(table.rows, zip(*marks, strict=True), strict=True):
        cells = [
            _cell(sheet, row, column, mark, significance, intervals)
            for column, mark in zip(columns, row_marks, strict=True)
        ]
        sheet.lines.append(Line(row.label, cells))
        if comparison and comparison.results:
            set_beside(sheet, row, comparison)
    if comparison:
        add_rows(sheet, comparison.alone(table), comparison, ONLY)
    return sheet


def _marks(rows: Sequence[Row], column: Column, significance: Significance) -> list[Mark]:
    """Return the marks of a column: the group of the best where that was tested.

    Else they are decided on full precision, and equal values share a mark. A column that has no
    better end, or fewer than two figures, has none.
    """
    if column.key in significance.tests:
        return [_STANDINGS[significance.standing(column.key, row.label)] for row in rows]
    values = [column.value(row) for row in rows]
    numbers = [round(v * column.better, _DIGITS) for v in values if isinstance(v, (int, float))]
    if not column.is_metric or not column.better or len(numbers) < 2:
        return [""] * len(rows)
    names: dict[float, Mark] = dict(
        zip(sorted(set(numbers), reverse=True), ("best", "second"), strict=False)
    )
    return [
        names.get(round(v * column.better, _DIGITS), "") if isinstance(v, (int, float)) else ""
        for v in values
    ]


def _cell(
    sheet: Sheet, row: Row, column: Column, mark: Mark, significance: Significance, intervals: bool
) -> Cell:
    value, test = column.value(row), significance.tests.get(column.key)
    if value is None:
        reason = row.failed_metrics.get(column.key)
        why = f"{column.key} of {row.label}: {reason}" if reason else "not measured"
        return Cell(NOTHING, note=sheet.note(why))
    if isinstance(value, str):
        return Cell(value)
    untested = significance.why_untested(column.key, row.label)
    note = sheet.note(f"not tested: {untested}" if untested else "")
    return Cell(column.show(value), _spread(row, column, test, intervals), mark, note)


def _spread(row: Row, column: Column, test: MetricTest | None, intervals: bool) -> str:
    """Return what stands beside a figure: its standard deviation, or its interval."""
    if intervals:
        ends = test.intervals.get(row.label) if test else None
        return f"[{', '.join(map(column.show, ends))}]" if ends else ""
    deviation = column.spread(row)
    return "" if deviation is None else f"±{column.show(deviation)}"
