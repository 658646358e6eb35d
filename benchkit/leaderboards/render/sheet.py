"""What a rendering shows, whatever the format: cells, marks, caption and notes.

All text here is as it came; each format escapes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from benchkit.leaderboards.render.columns import Column

# "tied": cannot be told from the best.
Mark = Literal["", "best", "tied", "second"]
NOTHING = "—"
DASH = "–"  # where a published table has one


@dataclass(frozen=True)
class Cell:
    """One figure.

    Attributes:
        text: the figure, or a dash.
        spread: its standard deviation or its interval, "" where it has none.
        mark: whether it is the best of its column, tied with it, or second.
        note: number of the footnote that explains it, 0 for none.
    """

    text: str
    spread: str = ""
    mark: Mark = ""
    note: int = 0


@dataclass(frozen=True)
class Line:
    """One line of cells; the kind tells ours from the published figures beneath and below them."""

    label: str
    cells: Sequence[Cell]
    kind: Literal["ours", "published", "difference", "published only"] = "ours"
    note: int = 0

    @property
    def beneath(self) -> bool:
        """Whether it belongs to the line above it."""
        return self.kind in ("published", "difference")


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
        tested: keys of the columns whose marks are those of a test.
    """

    title: str
    alarm: str
    caption: list[str]
    columns: Sequence[Column]
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    tested: Sequence[str] = ()

    def note(self, text: str) -> int:
        """Return the number of a footnote, new or there already; 0 for none."""
        if not text:
            return 0
        if text not in self.notes:
            self.notes.append(text)
        return self.notes.index(text) + 1

    def legend(self, best: str, tied: str, second: str) -> str:
        """Return what the marks mean, "" where there are none.

        Args:
            best: how a format marks the best figure.
            tied: how it marks figures that cannot be told from it.
            second: how it marks the second figure of a column that was not tested.
        """
        group = f"Best figure {best}, those that cannot be told from it {tied}"
        if best == tied:
            group = f"Best figure and those that cannot be told from it {best}"
        marked = {
            column.key in self.tested
            for line in self.lines
            for column, cell in zip(self.columns, line.cells, strict=True)
            if cell.mark
        }
        untested = f"{best}, second {second}, decided on full precision."
        if marked == {True, False}:
            return f"{group}; in columns without a test, best {untested}"
        return f"{group}." if True in marked else f"Best figure {untested}" if marked else ""

    def groups(self) -> list[tuple[str, list[int]]]:
        """Return each group's heading and the places of its columns."""
        groups: dict[str, list[int]] = {}
        for place, column in enumerate(self.columns):
            groups.setdefault(column.group, []).append(place)
        return list(groups.items())
