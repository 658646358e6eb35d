"""Python literals to JSON, by the block: the fast path for the raw files of UCSD.

Those files hold one ``repr`` of a Python 2 or 3 dictionary a line: ``{u'id': u'7', u'ok': True}``.
`translate` rewrites a block of lines, byte for byte, to JSON of equal length: delimiters become
``"``, the prefix ``u`` a blank, and ``True``, ``False`` and ``None`` their JSON words. What cannot
be rewritten in equal length (``\\'``, ``\\x``, an inner ``"``) gets the byte `MARK`; a value that
holds it must be read from the original line. A line of which it cannot be proven that Python and
JSON read it alike is named, and left to ``ast.literal_eval``. Nothing is ever evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchkit.contracts.arrays import Bool, Int64
from benchkit_plugins.datasets.records.lists import flatten
from benchkit_plugins.datasets.records.strings import (
    DOUBLE,
    NEWLINE,
    Ints,
    Strings,
    UInt8,
    find_strings,
)

MARK = 0x7F  # the one byte without a glyph that JSON allows in a string
_U, _SPACE = ord("u"), ord(" ")
_WORDS = ((b"True", b"true"), (b"False", b"false"), (b"None", b"null"))


def _table(characters: bytes) -> Bool:
    table = np.zeros(256, dtype=np.bool_)
    table[list(characters)] = True
    return table


_OUTSIDE = _table(b" \t\r{}[],:.-0123456789")  # means the same to Python and to JSON
_BEFORE_PREFIX = _table(b" \t{[,:(")
_HEX = _table(b"0123456789abcdefABCDEF")
_SAME_ESCAPE = _table(b'ntrbf\\"u')
_MARKED_ESCAPE = _table(b"'xUav")
_DIGITS_OF = {ord("x"): 2, ord("u"): 4, ord("U"): 8}


@dataclass(frozen=True)
class Translated:
    """Lines of JSON.

    Attributes:
        out: the bytes, ``uint8[bytes]``.
        ends: position of each line's newline, ``int64[lines]``.
        unproven: lines, from 0, that must not be used.
        marked: lines with escapes, or with `MARK` anywhere but between the texts of a list.
        separators: how many `MARK` there are between two texts of a list.
    """

    out: UInt8
    ends: Int64
    unproven: list[int]
    marked: Ints
    separators: set[int]


def translate(text: bytes, lists: Mapping[str, int] | None = None) -> Translated:
    """Rewrite lines of Python literals as lines of JSON of equal length.

    Args:
        text: whole lines, each ended by a newline.
        lists: keys of lists of texts (1) and lists of lists (2), which become one text each
            (`lists.flatten`).
    """
    buffer = np.frombuffer(text, dtype=np.uint8)
    out = buffer.copy()
    ends = np.flatnonzero(buffer == NEWLINE)
    strings = find_strings(text, buffer, ends)
    unproven = [strings.broken, _outside(buffer, out, ends, strings)]
    if len(strings.escapes):
        unproven.append(_inside(buffer, out, ends, strings))
    out[strings.opens] = DOUBLE
    out[strings.closes] = DOUBLE
    out[strings.inner] = MARK
    marks = np.flatnonzero(out == MARK)
    refused, separators = flatten(out, ends, strings, marks, lists or {})
    unproven.append(refused)
    lines = sorted({int(line) for lines in unproven for line in lines})
    marked = np.unique(np.searchsorted(ends, np.concatenate((marks, strings.escapes))))
    return Translated(out, ends, lines, marked, separators)


def _outside(buffer: UInt8, out: UInt8, ends: Int64, strings: Strings) -> Ints:
    """Translate what stands between the strings; return the lines where that is not proven."""
    starts, stops, prefixed = _gaps(buffer, ends, strings)
    lengths = stops - starts
    first, second = (buffer[np.minimum(starts + side, len(buffer) - 1)] for side in (0, 1))
    common = (lengths == 2) & (second == _SPACE) & ((first == ord(",")) | (first == ord(":")))
    prefixes = stops.compress(prefixed)
    out[prefixes] = _SPACE
    odd = ~common & (lengths > 0)
    starts, lengths = starts.compress(odd), lengths.compress(odd)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    where = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    unknown = _words(buffer, out, where[~_OUTSIDE[buffer[where]]])
    stray = prefixes[~_BEFORE_PREFIX[buffer[np.maximum(prefixes - 1, 0)]]]
    return np.searchsorted(ends, np.concatenate((unknown, stray)))


def _gaps(buffer: UInt8, ends: Int64, strings: Strings) -> tuple[Ints, Ints, Bool]:
    """Return the stretches between strings: starts, stops (before a prefix ``u``), and if prefixed.

    A line whose quotes do not pair has one gap, which is the whole of it.
    """
    before = np.concatenate(([0], np.searchsorted(strings.opens, ends)))
    bounds = before + np.arange(len(before))  # the place of each line's first gap, and of the end
    inside = np.ones(bounds[-1] + 1, dtype=np.bool_)
    inside[bounds] = False
    starts = np.empty(bounds[-1], dtype=np.int64)
    starts[bounds[:-1]] = np.concatenate(([0], ends[:-1] + 1))
    starts[inside[:-1]] = strings.closes + 1
    stops = np.empty(bounds[-1], dtype=np.int64)
    stops[bounds[1:] - 1] = ends
    stops[inside[1:]] = strings.opens
    last = np.maximum(stops - 1, 0)
    prefixed = (buffer[last] == _U) & (stops > starts) & (buffer[stops] != NEWLINE)
    return starts, stops - prefixed, prefixed


def _words(buffer: UInt8, out: UInt8, unknown: Ints) -> Ints:
    """Translate ``True``, ``False`` and ``None`` at `unknown` positions; return what is left."""
    if not len(unknown):
        return unknown
    done = []
    for word, replacement in _WORDS:
        begin = unknown[buffer[unknown] == word[0]]
        begin = begin[begin + len(word) < len(buffer)]
        place = begin[:, None] + np.arange(len(word))
        same = (buffer[place] == np.frombuffer(word, dtype=np.uint8)).all(axis=1)
        out[place[same]] = np.frombuffer(replacement, dtype=np.uint8)
        done.append(place[same].ravel())
    return np.setdiff1d(unknown, np.concatenate(done), assume_unique=True)


def _inside(buffer: UInt8, out: UInt8, ends: Int64, strings: Strings) -> Ints:
    """Mark the escapes that JSON lacks; return the lines with one that Python may refuse."""
    escapes = strings.escapes
    string = np.searchsorted(strings.opens, escapes) - 1
    within = string >= 0
    within[within] = escapes[within] < strings.closes[string[within]]
    escapes = escapes[within]  # those outside are no part of JSON, so their lines are refused
    kind = buffer[escapes + 1]
    good = _SAME_ESCAPE[kind] | _MARKED_ESCAPE[kind]
    for letter, digits in _DIGITS_OF.items():
        among = np.flatnonzero(kind == letter)
        place = escapes[among][:, None] + 2 + np.arange(digits)
        shown = buffer[np.minimum(place, len(buffer) - 1)]
        good[among] &= _HEX[shown].all(axis=1)
        if letter == ord("U"):  # up to 0010FFFF
            top = (shown[:, 2] == ord("1")) & (shown[:, 3] == ord("0"))
            good[among] &= (shown[:, :2] == ord("0")).all(axis=1) & (
                (shown[:, 2] == ord("0")) | top
            )
    out[escapes[_MARKED_ESCAPE[kind]]] = MARK
    return np.searchsorted(ends, escapes[~good])
