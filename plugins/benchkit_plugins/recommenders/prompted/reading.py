"""Completions to titles. What a model writes is hostile text: it is looked at, never obeyed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from benchkit_plugins.recommenders.prompted.titles import Title, Titles, may_be_title, one_line

_LONGEST = 1 << 15  # characters of a completion that are looked at; 20 titles take 2,000
_MARK = re.compile(r"(?:[-*+#>\u2022\u2013\u2014]+|\(?\d{1,3}[.):])\s+")  # a list's, before a title
_AROUND = {'"': '"', "'": "'", "`": "`", "*": "*", "_": "_", "\u201c": "\u201d", "\u2018": "\u2019"}
_LAYERS = 4  # - 1. **"Title"**
_LIST = re.compile(r'\[\s*["{]')  # where JSON begins; a title may begin with [
# A lone backslash at the end belongs to it, or the search would begin again at each quote before.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
_KEY = re.compile(r"\s*:")  # what follows a string that names a value


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
    read = (titles.find(spellings(line)) for line in _lines(completion[:_LONGEST]))
    return list(islice((title for title in read if title is not None), most))


def gives_all(completion: str, most: int) -> bool:
    """Return whether the beginning of a completion says all that `titles_in` would look at.

    Only whole lines count, and no JSON: False is never wrong.
    """
    whole, _, _ = completion.rpartition("\n")
    text = _body(whole[:_LONGEST])
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
