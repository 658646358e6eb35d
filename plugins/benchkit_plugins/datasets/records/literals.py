"""Python literals to JSON, by the block: the fast path for the raw files of UCSD.

Those files hold one ``repr`` of a Python 2 or 3 dictionary a line: ``{u'id': u'7', u'ok': True}``.
`translate` rewrites a block of lines, byte for byte, to JSON of equal length: delimiters become
``"``, the prefix ``u`` a blank, and ``True``, ``False`` and ``None`` their JSON words. What cannot
be rewritten in equal length (``\\'``, ``\\x``, an inner ``"``) gets the byte `MARK`; a value that
holds it must be read from the original line. A line of which it cannot be proven that Python and
JSON read it alike is named, and left to ``ast.literal_eval``. Nothing is ever evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchkit.contracts.arrays import Bool, Int64

UInt8 = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.signedinteger[Any]]
SINGLE, DOUBLE, BACKSLASH, NEWLINE = (ord(character) for character in "'\"\\\n")
LONGEST_WALK = 4096  # quotes in a line; one with more is left to `ast.literal_eval`
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
        unproven: lines, from 0, to be read another way; here they are empty objects, so that rows
            and lines keep in step.
        marked: lines with escapes or `MARK`.
    """

    out: UInt8
    ends: Int64
    unproven: list[int]
    marked: Ints


def translate(text: bytes) -> Translated:
    """Rewrite whole lines of Python literals as lines of JSON of equal length."""
    buffer = np.frombuffer(text, dtype=np.uint8)
    out = buffer.copy()
    ends = np.flatnonzero(buffer == NEWLINE)
    strings = _find_strings(text, buffer, ends)
    unproven = [strings.broken, _outside(buffer, out, ends, strings)]
    if len(strings.escapes):
        unproven.append(_inside(buffer, out, ends, strings))
    out[strings.opens] = DOUBLE
    out[strings.closes] = DOUBLE
    out[strings.inner] = MARK
    places = np.concatenate((np.flatnonzero(out == MARK), strings.escapes))
    begins = np.concatenate(([0], ends[:-1] + 1))
    lines = np.unique(np.concatenate(unproven)).tolist()
    for line in lines:
        begin, end = begins[line], ends[line]
        out[begin:end] = _SPACE
        out[begin : begin + 1], out[end - 1 : end] = ord("{"), ord("}")
    return Translated(out, ends, lines, np.unique(np.searchsorted(ends, places)))


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


@dataclass(frozen=True)
class Strings:
    """Where the strings of some lines are.

    Attributes:
        opens: position of each opening quote, ascending.
        closes: position of the quote that closes it.
        inner: positions of ``"`` inside strings in single quotes, ascending.
        escapes: positions of backslashes that escape the next byte, ascending.
        broken: lines whose quotes do not pair.
    """

    opens: Ints
    closes: Ints
    inner: Ints
    escapes: Ints
    broken: Ints


def _find_strings(text: bytes, buffer: UInt8, ends: Int64) -> Strings:
    """Find the strings of lines.

    Args:
        text: the lines, each ended by a newline.
        buffer: the same, ``uint8[len(text)]``.
        ends: positions of the newlines, ``int64[lines]``.
    """
    escapes = _escapes(buffer) if b"\\" in text else ends[:0]
    if b'"' in text or len(escapes):
        return _walk(buffer, ends, escapes)
    return _pair(np.flatnonzero(buffer == SINGLE), ends)


def _escapes(buffer: UInt8) -> Ints:
    """Return the backslashes that escape the next byte: in each run the first, third, fifth ..."""
    backslashes = np.flatnonzero(buffer == BACKSLASH)
    begins = np.flatnonzero(np.diff(backslashes, prepend=-2) != 1)
    lengths = np.diff(begins, append=len(backslashes))
    place = np.arange(len(backslashes)) - np.repeat(begins, lengths)
    escaping: Ints = backslashes[place % 2 == 0]
    return escaping


def _pair(quotes: Ints, ends: Int64) -> Strings:
    """Pair the quotes of lines that hold one kind of quote and no backslash."""
    counts = np.diff(np.searchsorted(quotes, ends), prepend=0)
    broken = np.flatnonzero(counts % 2)
    if len(broken):
        quotes = quotes[np.repeat(counts % 2 == 0, counts)]
    return Strings(quotes[0::2], quotes[1::2], quotes[:0], quotes[:0], broken)


def _walk(buffer: UInt8, ends: Int64, escapes: Ints) -> Strings:
    """Pair quotes of both kinds: round r takes the r-th quote of every line that has one."""
    quotes = np.flatnonzero((buffer == SINGLE) | (buffer == DOUBLE))
    if len(escapes):
        place = np.searchsorted(quotes, escapes + 1)
        place = np.minimum(place, len(quotes) - 1)
        quotes = np.delete(quotes, place[quotes[place] == escapes + 1]) if len(quotes) else quotes
    kinds = buffer[quotes]
    counts = np.diff(np.searchsorted(quotes, ends), prepend=0)
    roles, broken = _roles(kinds, counts)
    inner = quotes.compress((roles == 0) & (kinds == DOUBLE))
    opens, closes = (quotes.compress(roles == role) for role in (1, 2))
    return Strings(opens, closes, inner, escapes, broken)


def _roles(kinds: UInt8, counts: Int64) -> tuple[UInt8, Ints]:
    """Return the role of each quote, and the lines whose quotes do not pair.

    Args:
        kinds: the quotes, line by line.
        counts: how many of them each line has.

    Returns:
        0 for a quote inside a string, 1 for one that opens, 2 for one that closes, 9 in lines that
        do not pair; and those lines.
    """
    bounds = np.concatenate(([0], np.cumsum(counts)))
    roles = np.zeros(len(kinds), dtype=np.uint8)
    doubles = np.flatnonzero(kinds == DOUBLE)
    roles[doubles], bad = _doubles(doubles, bounds)
    # Inside a string in double quotes, and at its ends, no single quote does anything.
    steps = (roles == 1).view(np.int8) - (roles == 2).view(np.int8)
    bad_quotes = np.repeat(bad, counts) if bad.any() else None
    if bad_quotes is not None:
        steps[bad_quotes] = 0
    free = (np.cumsum(steps, dtype=np.int8) == 0) & (kinds == SINGLE)
    singles = np.flatnonzero(free)
    odd = np.diff(np.searchsorted(singles, bounds)) % 2 == 1
    if odd.any() or bad_quotes is not None:
        bad |= odd
        bad_quotes = np.repeat(bad, counts)
        singles = singles[~bad_quotes[singles]]
        roles[bad_quotes] = 9
    roles[singles[0::2]], roles[singles[1::2]] = 1, 2
    return roles, np.flatnonzero(bad)


def _doubles(doubles: Ints, bounds: Int64) -> tuple[UInt8, Bool]:
    """Return the role of each ``"``, and whether each line's do not pair.

    Round r takes the r-th of every line that has one. Outside of strings it opens one if the
    number of ``'`` since the last string in double quotes is even, else it is inside of one.
    """
    before = np.searchsorted(doubles, bounds)
    counts = np.diff(before)
    singles = doubles - np.arange(len(doubles)) - np.repeat(bounds[:-1] - before[:-1], counts)
    order = np.argsort(-counts, kind="stable")  # so that the lines still walked are a prefix
    starts, falling = before[:-1][order], -counts[order]
    inside = np.zeros(len(counts), dtype=np.bool_)
    base = np.zeros(len(counts), dtype=np.int64)
    roles = np.zeros(len(doubles), dtype=np.uint8)
    rounds = min(int(counts.max(initial=0)), LONGEST_WALK)
    for step, walking in enumerate(np.searchsorted(falling, -np.arange(rounds))):
        token = starts[:walking] + step
        closing = inside[:walking].copy()
        opening = ~closing & ((singles[token] - base[:walking]) % 2 == 0)
        roles[token] = opening + 2 * closing
        base[:walking][closing] = singles[token[closing]]
        inside[:walking] = opening
    bad = np.zeros(len(counts), dtype=np.bool_)
    bad[order] = inside | (falling < -LONGEST_WALK)
    return roles, bad
