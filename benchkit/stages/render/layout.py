"""What a rendering shows, whatever the format: cells, marks, caption and notes.

All text here is as it came; each format escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from benchkit.stages.published import Comparison
from benchkit.stages.render.captions import alarm, caption, failures
from benchkit.stages.render.columns import Column
from benchkit.stages.rows import Row
from benchkit.stages.tables import Table

Mark = Literal["", "best", "second"]
NOTHING = "—"
UNKNOWN = "no published figure is known to benchkit here: the paper's table may have one"
OTHER = "not the paper's configuration, so the published figures are not set beside it"
NOT_RUN = "published, but not run here"
# Means that agree to this many digits are equal: the order of summation decides the rest.
_DIGITS = 12


@dataclass(frozen=True)
class Cell:
    """One figure.

    Attributes:
        text: the figure, or a dash.
        spread: its standard deviation, "" over a single run.
        mark: whether it is the best or second of its column.
        note: number of the footnote that explains it, 0 for none.
    """

    text: str
    spread: str = ""
    mark: Mark = ""
    note: int = 0


@dataclass(frozen=True)
class Line:
    """One line of cells; the kind tells ours from the published figures beneath them."""

    label: str
    cells: Sequence[Cell]
    kind: Literal["ours", "published", "difference"] = "ours"
    note: int = 0


@dataclass
class Sheet:
    """A table, ready to be printed.

    Attributes:
        title: dataset and protocol.
        alarm: what must not be overlooked; "" for nothing.
        caption: sentences.
        columns: as many as each line has cells.
        lines: best row first.
        notes: footnotes, by number from 1.
        failures: what could not be run, with the reason.
    """

    title: str
    alarm: str
    caption: list[str]
    columns: Sequence[Column]
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def note(self, text: str) -> int:
        """Return the number of a footnote, new or known."""
        if text not in self.notes:
            self.notes.append(text)
        return self.notes.index(text) + 1

    def groups(self) -> list[tuple[str, list[int]]]:
        """Return each group's heading and the places of its columns."""
        found: dict[str, list[int]] = {}
        for place, column in enumerate(self.columns):
            found.setdefault(column.group, []).append(place)
        return list(found.items())


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
        caption=[*sorted_by, *caption(table, comparison)],
        columns=columns,
        failures=failures(table),
    )
    marks = {column.key: _marks(table.rows, column) for column in columns}
    for place, row in enumerate(table.rows):
        cells = [_cell(sheet, row, column, marks[column.key][place]) for column in columns]
        sheet.lines.append(Line(row.label, cells))
        if comparison and not comparison.reason:
            _compare(sheet, row, comparison)
    if comparison and not comparison.reason:
        _add_published_only(sheet, table, comparison)
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
    spread = row.spread.get(column.key)
    return Cell(column.show(value), "" if spread is None else f"±{column.show(spread)}", mark)


def _compare(sheet: Sheet, row: Row, comparison: Comparison) -> None:
    """Add the lines of published figures and differences below a row."""
    if not comparison.applies(row):
        if row.recommender in comparison.results:
            sheet.lines[-1] = Line(row.label, sheet.lines[-1].cells, note=sheet.note(OTHER))
        return
    known = comparison.results.get(row.recommender, {})
    sheet.lines.append(_published(sheet, known))
    if any(column.key in known for column in sheet.columns):
        cells = [_difference(column, row, known) for column in sheet.columns]
        sheet.lines.append(Line("difference", cells, "difference"))


def _published(sheet: Sheet, known: Mapping[str, float]) -> Line:
    """Return published figures, three decimals as the paper prints them."""
    cells = [
        Cell(_three(known[column.key]))
        if column.key in known
        else Cell(NOTHING, note=sheet.note(UNKNOWN))
        if column.is_metric
        else Cell("")
        for column in sheet.columns
    ]
    return Line("published", cells, "published")


def _difference(column: Column, row: Row, known: Mapping[str, float]) -> Cell:
    value = row.metrics.get(column.key)
    if value is None or column.key not in known:
        return Cell("")
    text = column.show(value - known[column.key])
    return Cell(text if text.startswith("-") else f"+{text}")


def _three(value: float) -> str:
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if text.startswith("0.") else text


def _add_published_only(sheet: Sheet, table: Table, comparison: Comparison) -> None:
    """Add the published rows of recommenders that have none of ours."""
    ours = {row.recommender for row in table.rows}
    for name, known in comparison.results.items():
        if name not in ours and any(column.key in known for column in sheet.columns):
            empty = [Cell("")] * len(sheet.columns)
            sheet.lines.append(Line(name, empty, note=sheet.note(NOT_RUN)))
            sheet.lines.append(_published(sheet, known))
