"""Many texts as one array of bytes: quick to load and to save, decoded where they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from benchkit.contracts.sessions import Int64, offsets_of

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
