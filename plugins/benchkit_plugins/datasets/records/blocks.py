"""Raw gzip files, streamed in blocks of whole lines: memory does not grow with the file."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchkit.contracts.errors import DataError

BLOCK = 5 << 18
LONGEST_LINE = 1 << 26
_READ = 1 << 18


@dataclass(frozen=True)
class Block:
    """Some whole lines of a file.

    Attributes:
        path: the file.
        text: the lines, each ended by a newline.
        first: number of the first line, from 1.
    """

    path: Path
    text: bytes
    first: int


def blocks(path: Path, size: int = BLOCK) -> Iterator[Block]:
    """Yield a gzip file's lines in blocks of about `size` bytes.

    Raises:
        DataError: the file is missing, is no gzip, is truncated or damaged, or has a line of more
            than 64 MiB.
    """
    first, parts, held = 1, [], 0
    for piece in _unpacked(path):
        parts.append(piece)
        held += len(piece)
        if held < size:
            continue
        text = b"".join(parts)
        end = text.rfind(b"\n") + 1
        if end:
            yield Block(path, text[:end], first)
            first += text.count(b"\n")
        elif held > LONGEST_LINE:
            raise DataError(f"{path}, line {first}: longer than {LONGEST_LINE >> 20} MiB")
        parts, held = [text[end:]], held - end
    if held:
        text = b"".join(parts)
        yield Block(path, text if text.endswith(b"\n") else text + b"\n", first)


def _unpacked(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            if file.read(2) != b"\x1f\x8b":
                raise DataError(f"{path} is not a gzip file: fetch or copy it again")
        with gzip.open(path) as file:
            while piece := file.read(_READ):
                yield piece
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except EOFError:
        raise DataError(f"{path} is truncated: fetch or copy it again") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged ({error}): fetch or copy it again") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
