"""A table as a sheet: what stands where, whatever the format."""

from __future__ import annotations

from collections.abc import Sequence

from benchkit.leaderboards.published import Comparison
from benchkit.leaderboards.render.beside import ONLY, add_rows, set_beside
from benchkit.leaderboards.render.captions import alarm, caption, failures
from benchkit.leaderboards.render.columns import Column
from benchkit.leaderboards.render.sheet import NOTHING, Cell, Line, Mark, Sheet
from benchkit.leaderboards.rows import Row
from benchkit.leaderboards.tables import Table

# Means that agree to this many digits are equal: the order of summation decides the rest.
_DIGITS = 12


def lay_out(
    table: Table,
    columns: Sequence[Column],
    comparison: Comparison | None = None,
    by: Column | None = None,
) -> Sheet:
    """Return a table's sheet; rows keep their order.

    Args:
        table: the table.
        columns: what to show.
        comparison: published figures to set beside ours; None shows none.
        by: what the rows are sorted by, for the caption; None says nothing of it.
    """
    sorted_by = [f"Rows by {by.name}, best first."] if by and len(table.rows) > 1 else []
    sheet = Sheet(
        title=f"{table.dataset}, {table.protocol['name']} protocol",
        alarm=alarm(table),
        caption=[*sorted_by, *caption(table, columns, comparison)],
        columns=columns,
        failures=failures(table),
    )
    marks = {column.key: _marks(table.rows, column) for column in columns}
    for place, row in enumerate(table.rows):
        cells = [_cell(sheet, row, column, marks[column.key][place]) for column in columns]
        sheet.lines.append(Line(row.label, cells))
        if comparison and comparison.results:
            set_beside(sheet, row, comparison)
    if comparison:
        add_rows(sheet, comparison.alone(table), comparison, ONLY)
    return sheet


def _marks(rows: Sequence[Row], column: Column) -> list[Mark]:
    """Return the marks of a column, decided on full precision; equal values share a mark.

    A column that has no better end, or fewer than two figures, has none.
    """
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


def _cell(sheet: Sheet, row: Row, column: Column, mark: Mark) -> Cell:
    value = column.value(row)
    if value is None:
        reason = row.failed_metrics.get(column.key)
        note = f"{column.key} of {row.label}: {reason}" if reason else "not measured"
        return Cell(NOTHING, note=sheet.note(note))
    if isinstance(value, str):
        return Cell(value)
    spread = column.spread(row)
    return Cell(column.show(value), "" if spread is None else f"±{column.show(spread)}", mark)
