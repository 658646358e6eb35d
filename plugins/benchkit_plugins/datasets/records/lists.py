"""Lists of texts in translated literals, made one text each: polars reads texts far faster.

``["a", "b"]`` becomes `` "a....b" ``, where each dot is the byte of `SEPARATOR`, of which there
are four or more; lists of lists are flattened on the way. A list that holds anything but texts, or
a text with a mark in it, is left alone and its line named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from benchkit.contracts.arrays import Bool, Int64
from benchkit_plugins.datasets.records.strings import Ints, Strings, UInt8

UInts = npt.NDArray[np.unsignedinteger[Any]]
_FILL, _SPACE = 0x7F, ord(" ")
SEPARATOR = chr(_FILL) * 4  # what becomes of the shortest thing between two texts: ", "
_HEADS = {1: b': ["', 2: b': [["'}
_PREFIXED_HEADS = {1: b': [ "', 2: b': [[ "'}
_BETWEEN = {1: (b", ", b",  "), 2: (b", ", b",  ", b"], [", b"], [ ")}


def flatten(
    out: UInt8, ends: Int64, strings: Strings, marks: Ints, depths: Mapping[str, int]
) -> tuple[Ints, set[int]]:
    """Make one text of each list that follows a wanted key.

    Args:
        out: the lines as JSON, which are changed.
        ends: where the lines end.
        strings: where the strings are.
        marks: positions of marks, ascending.
        depths: wanted keys; 1 for a list of texts, 2 for a list of lists.

    Returns:
        The lines with a list that could not be made a text, and how wide separators are.
    """
    refused, widths = [ends[:0]], {len(SEPARATOR)}
    for key, depth in depths.items():
        names = _named(out, strings, key.encode("utf-8"))
        lines, wide = _flatten(out, ends, strings, names, marks, depth)
        refused.append(lines)
        widths |= wide
    return np.concatenate(refused), widths


def _named(out: UInt8, strings: Strings, key: bytes) -> Ints:
    """Return the strings that are `key`, stand before a list, and are not the last."""
    fitting = np.flatnonzero(strings.closes - strings.opens == len(key) + 1)
    fitting = fitting[fitting + 1 < len(strings.opens)]
    return fitting[reads(out, strings.opens[fitting], b'"' + key + b'": [')]


def reads(out: UInt8, starts: Ints, text: bytes) -> Bool:
    """Return at which of the positions `text` stands, ``bool[positions]``."""
    left = np.flatnonzero(out.take(starts, mode="clip") == text[0])  # drops most positions
    left = left.compress((starts[left] >= 0) & (starts[left] <= len(out) - len(text)))
    step = 1
    while step < len(text) and len(left):
        width = next(width for width in (8, 4, 2, 1) if width <= len(text) - step)
        words: UInts = np.ndarray(len(out) - width + 1, f"<u{width}", out, strides=(1,))
        wanted = int.from_bytes(text[step : step + width], "little")
        left = left.compress(words[starts[left] + step] == wanted)
        step += width
    same = np.zeros(len(starts), dtype=np.bool_)
    same[left] = True
    return same


def _flatten(
    out: UInt8, ends: Int64, strings: Strings, names: Ints, marks: Ints, depth: int
) -> tuple[Ints, set[int]]:
    """Rewrite the lists behind the strings `names`.

    Returns the lines of those that resist, and how wide the separators are in the others.
    """
    opens, closes = strings.opens, strings.closes
    firsts, line = names + 1, np.searchsorted(ends, opens[names])
    finals = np.flatnonzero(reads(out, closes + 1, b"]" * depth))  # strings that end a list
    which = np.searchsorted(finals, firsts)
    sound = which < len(finals)
    lasts = finals[np.minimum(which, len(finals) - 1)] if len(finals) else firsts
    begins, stops = closes[names] + 1, closes[lasts] + 1
    plain, prefixed = _HEADS[depth], _PREFIXED_HEADS[depth]
    sound &= (reads(out, begins, plain) & (opens[firsts] == begins + len(plain) - 1)) | (
        reads(out, begins, prefixed) & (opens[firsts] == begins + len(prefixed) - 1)
    )
    sound &= stops < ends[line]
    sound &= np.searchsorted(marks, stops) == np.searchsorted(marks, begins)
    lists = np.flatnonzero(sound)
    pairs, owner = _spans(firsts[lists], lasts[lists])  # strings followed by one of the same list
    behind = closes[pairs]
    widths = _separators(out, behind, opens[pairs + 1], depth)
    empty = closes - opens == 1  # of two separators without anything between one would be seen
    wrong: Bool = empty[lasts[lists]]
    wrong[owner[(widths == 0) | empty[pairs]]] = True
    widths[wrong[owner]] = 0
    for step in range(int(widths.max(initial=0))):
        out[behind.compress(widths > step) + step] = _FILL
    good = lists[~wrong]
    for step in range(depth):
        out[begins[good] + 2 + step] = _SPACE
        out[stops[good] + step] = _SPACE
    resisting = np.ones(len(names), dtype=np.bool_)
    resisting[good] = False
    return line[resisting], set(np.flatnonzero(np.bincount(widths)[1:]) + 1)


def _separators(out: UInt8, closes: Ints, opens: Ints, depth: int) -> Ints:
    """Return how many bytes, quotes included, separate two texts of a list; 0 if other bytes do."""
    widths = np.zeros(len(closes), dtype=np.int64)
    for text in _BETWEEN[depth]:
        fitting = np.flatnonzero(opens - closes == len(text) + 1)
        widths[fitting[reads(out, closes[fitting] + 1, text)]] = len(text) + 2
    return widths


def _spans(starts: Ints, stops: Ints) -> tuple[Ints, Ints]:
    """Return all numbers from each start to before its stop, and which pair each belongs to."""
    lengths = np.maximum(stops - starts, 0)
    owner = np.repeat(np.arange(len(starts)), lengths)
    offsets = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) - offsets[owner] + starts[owner], owner
