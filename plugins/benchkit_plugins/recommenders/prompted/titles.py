"""Titles as prompts show them and as answers give them back: one line each, on both sides."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchkit.contracts.arrays import Bool, Int32
from benchkit.toolkit.texts import unescaped

if TYPE_CHECKING:
    from benchkit import Catalog, Sessions

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")  # what rules a terminal
_LONGEST = 1000  # characters of an unknown title that are looked at


def one_line(text: str) -> str:
    """Return a title in one line: entities decoded, controls and runs of blanks made one blank.

    A line break within a title would be two titles to whoever reads one a line.
    """
    text = _ESCAPES.sub("", text) if "\x1b" in text else text
    while "&" in text and (decoded := unescaped(text)) != text:
        text = decoded  # an entity may hide another: what is shown must read back as the same
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split())


def may_be_title(text: str) -> bool:
    """Return whether a text that the catalog does not know counts as a title all the same."""
    return any(map(str.isalnum, text[:_LONGEST]))


@dataclass(frozen=True)
class Title:
    """A title that an answer gives.

    Attributes:
        text: in one line.
        items: the catalog's items of that title, the most popular first; none: a hallucination.
    """

    text: str
    items: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Equal for titles that count as the same."""
        return self.text.casefold()


class Titles:
    """The catalog by its titles.

    Attributes:
        shown: each item's title as prompts show it, "" where it has none.
        present: which items have one, ``bool[items]``.
    """

    def __init__(self, catalog: Catalog, train: Sessions) -> None:
        """Read the titles.

        Args:
            catalog: the items.
            train: training sessions; what is popular there stands first among equal titles.
        """
        self.shown = [one_line(title) for title in catalog.titles]
        self.present: Bool = np.array([bool(title) for title in self.shown], dtype=bool)
        self._items: dict[str, tuple[int, ...]] = {}
        counts = np.bincount(train.items, minlength=len(catalog))
        for item in np.argsort(-counts, kind="stable").tolist():
            if self.shown[item]:
                key = self.shown[item].casefold()
                self._items[key] = (*self._items.get(key, ()), item)

    def lines(self, items: Int32 | Iterable[int]) -> str:
        """Return the titles of some items, one a line."""
        return "\n".join(self.shown[item] for item in items)

    def find(self, spellings: Iterable[str]) -> Title | None:
        """Return the title that some text stands for; None where it is none.

        Args:
            spellings: the text in one line, then with less and less around it; the first that the
                catalog knows counts, else the last, unless it holds neither letter nor digit.
        """
        text = ""
        for text in spellings:
            if items := self._items.get(text.casefold()):
                return Title(self.shown[items[0]], items)
        return Title(text[:_LONGEST].rstrip()) if may_be_title(text) else None
