"""Raw gzip files, streamed in blocks of whole lines: memory does not grow with the file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchkit.contracts.errors import DataError

BLOCK = 5 << 18
LONGEST_LINE = 1 << 26
_READ = 1 << 18
_GZIP = 31  # window bits that make zlib expect gzip's header and check its sum and length


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
    """Yield a gzip file's lines in blocks of about `size` bytes, unpacking one block ahead.

    Raises:
        DataError: the file is missing, is no gzip, is truncated or damaged, or has a line of more
            than 64 MiB.
    """
    with ThreadPoolExecutor(1) as ahead:  # zlib works outside the interpreter's lock
        source = _blocks(path, size)
        coming = ahead.submit(next, source, None)
        while (block := coming.result()) is not None:
            coming = ahead.submit(next, source, None)
            yield block


def _blocks(path: Path, size: int) -> Iterator[Block]:
    first, parts, held = 1, [], 0
    for piece in _unpacked(path):
        parts.append(piece)
        held += len(piece)
        if held < size:
            continue
        text = b"".join(parts)
        end = text.rfind(b"\n") + 1
        if end:
            block = Block(path, text[:end], first)
            yield block
            first += block.text.count(b"\n")
        elif held > LONGEST_LINE:
            raise DataError(f"{path}, line {first}: longer than {LONGEST_LINE >> 20} MiB")
        parts, held = [text[end:]], held - end
    if held:
        text = b"".join(parts)
        yield Block(path, text if text.endswith(b"\n") else text + b"\n", first)


def _unpacked(path: Path) -> Iterator[bytes]:
    """Yield the content of a gzip file of one or several members."""
    try:
        with path.open("rb") as file:
            data = file.read(_READ)
            if not data.startswith(b"\x1f\x8b"):
                raise DataError(f"{path} is not a gzip file: fetch or copy it again")
            while data.startswith(b"\x1f\x8b"):
                stream = zlib.decompressobj(_GZIP)
                while not stream.eof:
                    if not data:
                        raise DataError(f"{path} is truncated: fetch or copy it again")
                    yield stream.decompress(data, _READ)
                    data = stream.unconsumed_tail or (b"" if stream.eof else file.read(_READ))
                data = stream.unused_data or file.read(_READ)
                data += file.read(1) if len(data) == 1 else b""
            if data.strip(b"\0"):  # some packers pad with zeros, as tar does
                raise DataError(f"{path} has something behind its end: fetch or copy it again")
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except zlib.error as error:
        raise DataError(f"{path} is damaged ({error}): fetch or copy it again") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
