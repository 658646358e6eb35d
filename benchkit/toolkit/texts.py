"""Texts of strangers: as arrays of bytes, decoded, safe to show, folded."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from benchkit.contracts.arrays import Int64
from benchkit.contracts.sessions import offsets_of

UInt8 = npt.NDArray[np.uint8]


class Texts(Sequence[str]):
    """A sequence of texts in UTF-8, behind one another.

    Attributes:
        blob: the bytes of all texts, ``uint8[bytes]``.
        offsets: where each text begins, ``int64[texts + 1]``.
    """

    def __init__(self, blob: UInt8, offsets: Int64) -> None:
        self.blob = blob
        self.offsets = offsets

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """Pack texts; half a surrogate pair, which UTF-8 lacks, becomes a question mark."""
        parts: list[Any] = list(texts)
        joined = "".join(parts)
        if joined.isascii():  # a character is a byte
            blob = joined.encode("ascii")
        else:
            parts = [text.encode("utf-8", "replace") for text in parts]
            blob = b"".join(parts)
        lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
        return cls(np.frombuffer(blob, dtype=np.uint8), offsets_of(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        return self.blob[self.offsets[row] : self.offsets[row + 1]].tobytes().decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        data, bounds = self.blob.tobytes(), self.offsets.tolist()
        for start, stop in pairwise(bounds):
            yield data[start:stop].decode("utf-8")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Texts):
            return np.array_equal(self.offsets, other.offsets) and np.array_equal(
                self.blob, other.blob
            )
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash((len(self), self.blob[:64].tobytes()))

    def __repr__(self) -> str:
        return f"Texts({len(self)} texts, {len(self.blob)} bytes)"


def unescaped(text: str) -> str:
    """Decode entities (``&amp;``); a text with a number longer than Python reads stays as it is."""
    try:
        return html.unescape(text)
    except ValueError:
        return text


def visible(text: object) -> str:
    r"""Return text in one line where nothing acts: controls and the like appear as ``\x1b``.

    Names and reasons come from plugins and files. Escape sequences could rule a terminal,
    bidirectional controls could show one name as another.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in str(text)
    )


def fold(text: str, width: int) -> list[str]:
    """Break text into lines of at most `width` terminal cells, at spaces where there are any."""
    from rich.cells import cell_len

    lines = [""]
    for word in text.split(" "):
        candidate = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(candidate) <= width:
            lines[-1] = candidate
            continue
        first, *rest = _cut(word, width)
        lines[len(lines) if lines[-1] else -1 :] = [first]
        lines.extend(rest)
    return lines


def _cut(word: str, width: int) -> list[str]:
    """Cut a word into pieces of at most `width` cells, after a hyphen where there is one."""
    from rich.cells import cell_len

    pieces = []
    while cell_len(word) > width:
        end = next(n for n in range(len(word), 0, -1) if n == 1 or cell_len(word[:n]) <= width)
        hyphen = word.rfind("-", 0, end) + 1
        end = hyphen if hyphen > 1 else end
        pieces.append(word[:end])
        word = word[end:]
    return [*pieces, word]


def show_text(text: str) -> str:
    """Return the beginning of a text, quoted and without control characters, for a message."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
