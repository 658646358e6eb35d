"""Where the strings of Python literals are: quotes walked with numpy, for many lines at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchkit.contracts.arrays import Bool, Int64

LONGEST_WALK = 4096  # quotes in a line; one with more is left to `ast.literal_eval`
UInt8 = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.signedinteger[Any]]
SINGLE, DOUBLE, BACKSLASH, NEWLINE = (ord(character) for character in "'\"\\\n")


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


def find_strings(text: bytes, buffer: UInt8, ends: Int64) -> Strings:
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
