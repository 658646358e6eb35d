"""Tables for terminals and pipes: whole at any width, in several parts where it is narrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from rich.cells import cell_len
from rich.text import Text

from benchkit.leaderboards.render.sheet import Cell, Line, Mark, Sheet
from benchkit.toolkit.texts import fold, visible

_GAP = 2
_LABEL, _LEAST_LABEL = 24, 16  # cells a label gets, and has to do with, before it is folded
_STYLES: dict[Mark, str] = {"": "", "best": "bold", "tied": "bold", "second": "underline"}
_SIGNS: dict[Mark, str] = {"": "", "best": "*", "tied": "*", "second": "'"}
_PLAIN = str.maketrans({"±": "+-", "—": "-", "–": "-"})
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class _Style:
    """How things are written.

    Attributes:
        styled: bold and underline are shown; signs mark best and second otherwise.
        encoding: of the output; what it lacks is written otherwise.
        stacked: spreads stand below their figures, not beside.
    """

    styled: bool
    encoding: str
    stacked: bool = False

    @cached_property
    def plain(self) -> bool:
        """Whether the encoding lacks the characters that tables are made of."""
        return self.text("±—─¹") != "±—─¹"

    def text(self, text: str) -> str:
        """Return text that the output can show, of the same width for the same text."""
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            text = text.translate(_PLAIN).encode(self.encoding, "replace").decode(self.encoding)
        return visible(text)

    def note(self, number: int) -> str:
        """Return the sign of a footnote; in brackets where it would read as a digit."""
        if not number:
            return ""
        return f"[{number}]" if self.plain else str(number).translate(_SUPERSCRIPTS)

    def rule(self, text: str, width: int) -> str:
        """Return text in the middle of a rule."""
        return text.center(width, "-" if self.plain else "─")


def render(sheet: Sheet, width: int, styled: bool, encoding: str = "utf-8") -> Text:
    """Return a sheet as text of at most `width` columns.

    Groups stand side by side where the width suffices, else one below the other; then spreads
    move below their figures, long labels are folded, and at last groups are split. No label or
    figure is ever cut.

    Args:
        sheet: what to show.
        width: terminal cells a line.
        styled: whether bold and underline are shown; signs mark best and second otherwise.
        encoding: of the output.
    """
    width, style = max(width, 2 * _LEAST_LABEL), _Style(styled, encoding)
    lines = [*_prose(sheet.alarm, width, style, "bold yellow reverse")]
    lines += _prose(sheet.title, width, style, "bold")
    if sheet.lines:
        planned, parts = _plan(sheet, width, style)
        for part in parts:
            lines += [*_part(sheet, part, width, planned), Text()]
    lines += _words(sheet, width, style)
    return Text("\n").join(lines)


def _words(sheet: Sheet, width: int, style: _Style) -> Iterator[Text]:
    marks = ("bold", "bold", "underlined") if style.styled else ("*", "*", "'")
    yield from _prose(sheet.legend(*marks), width, style, "dim")
    yield from _prose(" ".join(sheet.caption), width, style, "dim")
    for number, note in enumerate(sheet.notes, 1):
        yield from _prose(f"{style.note(number)} {note}", width, style, "dim")
    for failure in sheet.failures:
        yield from _prose(f"Not in the table: {failure}", width, style, "red")


def _prose(text: str, width: int, style: _Style, look: str) -> list[Text]:
    return [Text(line, style=look) for line in fold(style.text(text), width)] if text else []


def _plan(sheet: Sheet, width: int, style: _Style) -> tuple[_Style, list[list[int]]]:
    """Return how to write cells and which columns go together, the most legible that fits."""
    every = list(range(len(sheet.columns)))
    groups = [places for _, places in sheet.groups()]
    ways = ((False, [every], _LABEL), (False, groups, _LABEL), (True, groups, _LABEL))
    for stacked, parts, label in (*ways, (True, groups, _LEAST_LABEL)):
        style = replace(style, stacked=stacked)
        if all(_needed(sheet, part, style, label) <= width for part in parts):
            return style, parts
    return style, [piece for part in groups for piece in _split(sheet, part, width, style)]


def _split(sheet: Sheet, group: Sequence[int], width: int, style: _Style) -> list[list[int]]:
    pieces: list[list[int]] = [[]]
    for place in group:
        if pieces[-1] and _needed(sheet, [*pieces[-1], place], style, _LEAST_LABEL) > width:
            pieces.append([])
        pieces[-1].append(place)
    return pieces


def _needed(sheet: Sheet, part: Sequence[int], style: _Style, label: int) -> int:
    columns = sum(_GAP + _column_width(sheet, place, style) for place in part)
    return min(_longest_label(sheet, style), label) + columns


def _longest_label(sheet: Sheet, style: _Style) -> int:
    return max(cell_len(_label(line, style)) for line in sheet.lines)


def _label(line: Line, style: _Style) -> str:
    indent = "  " if line.beneath else ""
    return f"{indent}{style.text(line.label)}{style.note(line.note)}"


def _column_width(sheet: Sheet, place: int, style: _Style) -> int:
    texts = [t.plain for line in sheet.lines for t in _cell_lines(line.cells[place], style)]
    column = sheet.columns[place]  # alone in its part it carries the heading of its group
    return max(map(cell_len, [*texts, *column.heading.split(" "), column.group]))


def _cell_lines(cell: Cell, style: _Style) -> list[Text]:
    """Return what a cell prints, one text a line."""
    figure = Text(style.text(cell.text), style=_STYLES[cell.mark])
    figure.append("" if style.styled else _SIGNS[cell.mark])
    figure.append(style.note(cell.note))
    spread = Text(style.text(cell.spread), style="dim")
    if not cell.spread:
        return [figure]
    return [figure, spread] if style.stacked else [Text(" ").join([figure, spread])]


def _part(sheet: Sheet, part: Sequence[int], width: int, style: _Style) -> Iterator[Text]:
    """Yield the lines of one part: headings, a rule, then the rows."""
    widths = [_column_width(sheet, place, style) for place in part]
    room = max(width - sum(widths) - _GAP * len(widths), _LEAST_LABEL)
    label = min(_longest_label(sheet, style), room)
    yield from _headings(sheet, part, widths, label, style)
    yield Text(style.rule("", label + sum(widths) + _GAP * len(widths)), style="dim")
    for line in sheet.lines:
        if line.kind == "difference" and not any(line.cells[place].text for place in part):
            continue
        cells = [_cell_lines(line.cells[place], style) for place in part]
        indent = "  " if line.beneath else ""
        labels = [
            Text(indent + text) for text in fold(_label(line, style).strip(), label - len(indent))
        ]
        yield from _beside(labels, label, cells, widths)


def _headings(
    sheet: Sheet, part: Sequence[int], widths: Sequence[int], label: int, style: _Style
) -> Iterator[Text]:
    if any(sheet.columns[place].group for place in part):
        line = Text(" " * label)
        for name, places in sheet.groups():
            inside = [w for w, place in zip(widths, part, strict=True) if place in places]
            if inside:
                space = sum(inside) + _GAP * (len(inside) - 1)
                title = f" {name} " if cell_len(name) + 4 <= space else name
                line.append(" " * _GAP + (style.rule(title, space) if name else " " * space))
        yield line
    texts = [sheet.columns[place].heading.split(" ") for place in part]
    height = max((len(words) for words in texts), default=1)
    cells = [[Text(""), *map(Text, words)][-height:] for words in texts]
    cells = [[Text("")] * (height - len(cell)) + cell for cell in cells]
    yield from _beside([Text("")] * height, label, cells, widths)


def _beside(
    labels: Sequence[Text], label: int, cells: Sequence[Sequence[Text]], widths: Sequence[int]
) -> Iterator[Text]:
    """Yield the lines of one row: the label to the left, figures to the right of their columns."""
    height = max([len(labels), *map(len, cells)])
    for number in range(height):
        line = labels[number].copy() if number < len(labels) else Text()
        line.append(" " * (label - line.cell_len))
        for cell, width in zip(cells, widths, strict=True):
            text = cell[number] if number < len(cell) else Text()
            line.append(" " * (_GAP + width - text.cell_len)).append_text(text)
        line.rstrip()
        yield line
