"""Writing gzip files that depend on nothing but their content."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

_LEVEL = 4


def write_gzip(path: Path, pieces: Iterable[str]) -> None:
    """Write pieces of text; neither the time nor the file's name enters.

    Raises:
        OSError: the file cannot be written.
    """
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as packed,
    ):
        for piece in pieces:
            packed.write(piece.encode("utf-8"))
