"""Titles: one line each as prompts show them, and read back from hostile completions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from benchkit.contracts.arrays import Bool, Int32
from benchkit.toolkit.texts import unescaped

if TYPE_CHECKING:
    from benchkit import Catalog, Sessions

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")  # what rules a terminal
_READ = 1 << 15  # characters of a completion that are looked at; 20 titles take 2,000
_MARK = re.compile(r"(?:[-*+#>\u2022\u2013\u2014]+|\(?\d{1,3}[.):])\s+")  # a list's, before a title
_AROUND = {'"': '"', "'": "'", "`": "`", "*": "*", "_": "_", "\u201c": "\u201d", "\u2018": "\u2019"}
_LAYERS = 4  # - 1. **"Title"**
_LIST = re.compile(r'\[\s*["{]')  # where JSON begins; a title may begin with [
# A lone backslash at the end belongs to it, or the search would begin again at each quote before.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
_KEY = re.compile(r"\s*:")  # what follows a string that names a value
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


def titles_in(completion: str, titles: Titles, most: int) -> list[Title]:
    """Return the titles that a completion gives, in its order.

    One a line, or the strings of a JSON list, whole or cut off, and those within its objects but
    their keys; numbers, bullets, quotes and markup around a title are no part of it, unless the
    catalog has it so.

    Args:
        completion: any text.
        titles: the catalog's.
        most: how many titles were asked for; more are not looked at.
    """
    read = (titles.find(spellings(line)) for line in _lines(completion[:_READ]))
    return list(islice((title for title in read if title is not None), most))


def gives_all(completion: str, most: int) -> bool:
    """Return whether the beginning of a completion says all that `titles_in` would look at.

    Only whole lines count, and no JSON: False is never wrong.
    """
    whole, _, _ = completion.rpartition("\n")
    text = _body(whole[:_READ])
    if _LIST.match(text):
        return False
    return sum(may_be_title(spellings(line)[-1]) for line in _shown(text.splitlines())) >= most


def spellings(line: str) -> list[str]:
    """Return a line as it is, then with less and less around its title."""
    shorter = [line]
    for _ in range(_LAYERS):
        bare = _bare(shorter[-1])
        if bare in ("", shorter[-1]):
            break
        shorter.append(bare)
    return shorter


def _lines(completion: str) -> Iterator[str]:
    text = _body(completion)
    strings = _strings(text) if _LIST.match(text) else []
    return _shown(strings or text.splitlines())


def _body(completion: str) -> str:
    return completion.strip().removeprefix("```json").lstrip()


def _shown(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        shown = one_line(line)
        if shown and not shown.startswith("```"):
            yield shown


def _strings(text: str) -> list[str]:
    """Return the strings of a JSON list, without what is cut off; deep nesting cannot hurt."""
    strings = []
    for piece in _STRING.finditer(text):
        if _KEY.match(text, piece.end()):
            continue
        try:
            strings.append(str(json.loads(piece[0], strict=False)))
        except ValueError:  # cut off, or no JSON at all
            continue
    return strings


def _bare(text: str) -> str:
    """Return a line without one layer of what may stand around a title."""
    mark = _MARK.match(text)
    rest = text[mark.end() :] if mark else text
    if rest[:1] in _AROUND:
        rest = rest.rstrip(",")
    if len(rest) > 1 and _AROUND.get(rest[0]) == rest[-1]:
        rest = rest[1:-1]
    return rest.strip()
