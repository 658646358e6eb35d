"""Tables in GitHub's Markdown; names and reasons are escaped, so that none can act as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.render.captions import headings
from benchkit.leaderboards.render.columns import available, default_sort, pick
from benchkit.leaderboards.render.layout import lay_out
from benchkit.leaderboards.render.sheet import Cell, Line, Sheet
from benchkit.leaderboards.significance import significance
from benchkit.leaderboards.tables import Table
from benchkit.toolkit.texts import visible

# GitHub links bare addresses and mentions: an entity in the middle leaves them text.
_ENTITIES = (
    (r"&", "&amp;"),
    (r"<", "&lt;"),
    (r">", "&gt;"),
    (r"@(?!\d+\b)", "&#64;"),  # ndcg@20 stays readable
    (r":(?=//)", "&#58;"),
    (r"(?i)(?<=www)\.", "&#46;"),
)


def document(dataset: str, tables: Sequence[Table], kept: Mapping[str, Ranks]) -> str:
    """Return a page with all tables of a dataset.

    Args:
        dataset: its name.
        tables: in the order shown, as `sorted_tables` sorts.
        kept: ranks by the key of their record.
    """
    parts = [f"# Leaderboard: {escape(dataset)}"]
    for table, heading in zip(tables, headings(tables), strict=True):
        columns = available(table)
        shown = pick(columns, None)
        tested = significance(table.rows, kept, [column.key for column in shown])
        sheet = lay_out(table, shown, None, default_sort(columns, table.rows), tested)
        sheet.title = heading
        parts.append(render(sheet, level=2))
    return "\n\n".join(parts) + "\n"


def render(sheet: Sheet, level: int = 3) -> str:
    """Return a sheet with a heading of that level, one table a group of columns."""
    parts = [f"{'#' * level} {escape(sheet.title)}"]
    if sheet.alarm:
        parts.append(f"> **{escape(sheet.alarm)}**")
    if sheet.lines:
        parts += [_table(sheet, name, places) for name, places in sheet.groups()]
    words = [sheet.legend("bold", "bold", "underlined"), *sheet.caption]
    parts.append(_paragraph(" ".join(filter(None, words))))
    if sheet.notes:
        parts.append("\n".join(f"{_note(n)} {escape(t)}  " for n, t in enumerate(sheet.notes, 1)))
    if sheet.failures:
        parts.append("\n".join(["Not in the table:", "", *_bullets(sheet.failures)]))
    return "\n\n".join(parts)


def escape(text: object) -> str:
    """Return text that Markdown shows as it is, in one line."""
    safe = re.sub(r"([\\`*_{}\[\]|~$])", r"\\\1", visible(text))
    for pattern, entity in _ENTITIES:
        safe = re.sub(pattern, entity, safe)
    return safe


def _paragraph(text: str) -> str:
    """Return escaped text that, at the beginning of a line, starts no heading, list or rule."""
    return re.sub(r"^([#+=-]|\d+[.)])", _unmarked, escape(text).lstrip())


def _unmarked(match: re.Match[str]) -> str:
    mark = match.group()
    return f"{mark[:-1]}\\{mark[-1]}"


def _bullets(texts: Iterable[str]) -> Iterator[str]:
    return (f"- {_paragraph(text)}" for text in texts)


def _table(sheet: Sheet, name: str, places: Sequence[int]) -> str:
    headings = [escape(sheet.columns[place].heading) for place in places]
    rows = [
        ["Recommender", *headings],
        ["---", *["---:"] * len(places)],
        *([_label(line), *(_cell(line.cells[place]) for place in places)] for line in sheet.lines),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"**{escape(name)}**\n\n{table}" if name else table


def _label(line: Line) -> str:
    indent = "&nbsp;&nbsp;" if line.beneath else ""
    return f"{indent}{escape(line.label)}{_note(line.note)}"


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.mark:
        text = f"<ins>{text}</ins>" if cell.mark == "second" else f"**{text}**"
    spread = f" {cell.spread}" if cell.spread else ""
    return f"{text}{_note(cell.note)}{spread}"


def _note(number: int) -> str:
    return f"<sup>{number}</sup>" if number else ""
