"""What a rendering shows, whatever the format: cells, marks, caption and notes.

All text here is as it came; each format escapes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from benchkit.leaderboards.render.columns import Column

Mark = Literal["", "best", "second"]
NOTHING = "—"
DASH = "–"  # where a published table has one


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
    """

    title: str
    alarm: str
    caption: list[str]
    columns: Sequence[Column]
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def note(self, text: str) -> int:
        """Return the number of a footnote, new or there already; 0 for none."""
        if not text:
            return 0
        if text not in self.notes:
            self.notes.append(text)
        return self.notes.index(text) + 1

    def groups(self) -> list[tuple[str, list[int]]]:
        """Return each group's heading and the places of its columns."""
        groups: dict[str, list[int]] = {}
        for place, column in enumerate(self.columns):
            groups.setdefault(column.group, []).append(place)
        return list(groups.items())
