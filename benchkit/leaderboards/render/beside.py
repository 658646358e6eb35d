"""Published figures in a sheet: beside comparable rows of ours, the others below all rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from benchkit.contracts.published import Figures, Published, PublishedRow
from benchkit.leaderboards.published import Comparison
from benchkit.leaderboards.render.columns import TRIALS, Column, diagnostics_named, metrics
from benchkit.leaderboards.render.sheet import DASH, NOTHING, Cell, Line, Sheet
from benchkit.leaderboards.rows import Row

UNKNOWN = "not published"
PRINTED_DASH = "a dash in the published table"
OTHER = "not the paper's configuration, so the published figures are not set beside it"
NO_ROW = "not in the published table"
ONLY = "published only: nothing comparable was run here"


def set_beside(sheet: Sheet, row: Row, comparison: Comparison) -> None:
    """Add the lines of published figures and differences below a row, the last of the sheet."""
    published = comparison.beside(row)
    if published is None or not _measured(published.figures):
        other = row.recommender in comparison.results and not comparison.applies(row)
        note = sheet.note(OTHER if other else NO_ROW)
        sheet.lines[-1] = replace(sheet.lines[-1], note=note)
    if published is None or not _shown(sheet, published.figures):
        return
    note = sheet.note("; ".join(facts(published, comparison)))
    sheet.lines.append(Line("published", _cells(sheet, published), "published", note))
    cells = [_difference(column, row, published.figures) for column in sheet.columns]
    if any(cell.text for cell in cells):
        sheet.lines.append(Line("difference", cells, "difference"))


def add_rows(
    sheet: Sheet, rows: Mapping[str, PublishedRow], comparison: Comparison, why: str = ""
) -> None:
    """Add published rows that stand beside none of ours.

    Args:
        sheet: where to.
        rows: the rows, by label.
        comparison: what they are part of.
        why: why they stand alone.
    """
    for label, row in rows.items():
        if _shown(sheet, row.figures):
            note = sheet.note("; ".join(filter(None, [why, *facts(row, comparison)])))
            sheet.lines.append(Line(label, _cells(sheet, row), "published only", note))


def sheets(name: str, published: Published) -> Iterator[Sheet]:
    """Yield what is published about a dataset: results with trials, then answers of models."""
    results = Comparison(published=published)
    answers = replace(results, about="answers")
    for title, part, columns in (
        ("results", results, [*metrics(results.keys), TRIALS]),
        ("answers of language models", answers, diagnostics_named(answers.keys)),
    ):
        sheet = Sheet(f"{name}: published {title}", "", part.sentences(), columns)
        add_rows(sheet, {**part.results, **part.answers}, part)
        if sheet.lines:
            yield sheet


def facts(row: PublishedRow, comparison: Comparison) -> Iterator[str]:
    """Yield what to know of a published row besides its figures."""
    if row.protocol != comparison.protocol:
        yield f"evaluated by the {row.protocol} protocol"
    if row.source:
        yield f"from {row.source}"


def _measured(figures: Figures) -> bool:
    return any("@" in key for key in figures)


def _shown(sheet: Sheet, figures: Figures) -> bool:
    return any(column.key in figures for column in sheet.columns)


def _cells(sheet: Sheet, row: PublishedRow) -> list[Cell]:
    return [_published(sheet, column, row) for column in sheet.columns]


def _published(sheet: Sheet, column: Column, row: PublishedRow) -> Cell:
    if column.key not in row.figures:
        return Cell(NOTHING, note=sheet.note(UNKNOWN)) if column.is_metric else Cell("")
    value = row.figures[column.key]
    if value is None:
        return Cell(DASH, note=sheet.note(PRINTED_DASH))
    return Cell(_printed(value, column), note=sheet.note(row.notes.get(column.key, "")))


def _printed(value: float, column: Column) -> str:
    """Return a figure with the three decimals of the paper's tables, or more where it has more."""
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:.3f}" if round(value, 3) == value else f"{value}"
    return text.removeprefix("0") if column.is_metric else text


def _difference(column: Column, row: Row, figures: Figures) -> Cell:
    value, published = row.metrics.get(column.key), figures.get(column.key)
    if value is None or published is None:
        return Cell("")
    text = column.show(value - published)
    return Cell(text if text.startswith("-") else f"+{text}")
