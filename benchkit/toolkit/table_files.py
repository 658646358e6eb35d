"""Tables in Parquet files and in separated text: read in full, or refused in one sentence."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchkit.contracts.errors import DataError, unknown_name

if TYPE_CHECKING:
    import polars as pl

# RecBole's atomic files (.inter, .item) are separated by tabs; their headers carry types.
SEPARATORS = {".csv": ",", ".tsv": "\t", ".inter": "\t", ".item": "\t"}
LISTED = ":token_seq"  # of a typed header: words separated by blanks
_TYPES = (":token", LISTED, ":float", ":float_seq")
_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars"}
_BLOCK = 1 << 24
_QUOTE = ord('"')


def read_table(path: Path, separator: str | None = None) -> pl.DataFrame:
    """Read a table; of separated text, every column as text, so that ids such as 007 stay.

    Args:
        path: a .parquet file, or UTF-8 text with a header, packed by gzip or not.
        separator: one character; None for what the file's suffix stands for.

    Raises:
        DataError: the file is missing, damaged, not UTF-8, or separated or quoted another way.
    """
    import polars as pl

    if not path.exists():
        raise DataError(f"{path} is missing")
    kind = path.suffix.lower()
    separator = separator or SEPARATORS.get(kind)
    if kind != ".parquet" and separator is None:
        raise DataError(
            f"{path}: a table is a .parquet, .csv or .tsv file, RecBole's .inter or .item, or "
            f"other text whose separator is given (separator beside file)"
        )
    try:
        if kind == ".parquet":
            return pl.read_parquet(path, glob=False)
        return _read_text(path, str(separator))
    except (pl.exceptions.PolarsError, OSError, EOFError, ValueError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise DataError(f"{path} is no readable {kind[1:]} file: {reason}") from error


def column(frame: pl.DataFrame, name: str, path: Path) -> pl.Series:
    """Return a column by its name, with or without the type of a typed header (`user_id:token`).

    Raises:
        DataError: there is none.
    """
    for spelling in (name, *(f"{name}{kind}" for kind in _TYPES)):
        if spelling in frame.columns:
            return frame.get_column(spelling)
    raise DataError(f"{path}: {unknown_name('column', name, frame.columns)}")


def _read_text(path: Path, separator: str) -> pl.DataFrame:
    import polars as pl

    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    content = content.removeprefix(b"\xef\xbb\xbf")
    _check_encoding(path, content)
    _check_separator(path, content.partition(b"\n")[0].decode(), separator)
    if (place := _stray_quote(content, separator)) is not None:
        escaped = content[place - 1 : place] == b"\\"
        raise DataError(
            f"{path}, line {_line(content, place)}: a quotation mark inside a field must be "
            f'doubled ("") and the field quoted'
            + ("; a backslash escapes nothing" if escaped else "")
        )
    return pl.read_csv(content, separator=separator, infer_schema=False)


def _check_encoding(path: Path, content: bytes) -> None:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or content[:64].count(b"\0") > 8:
        raise DataError(f"{path} is UTF-16 text; save it as UTF-8")
    try:
        _ = content.isascii() or content.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line {_line(content, error.start)}: not UTF-8 text "
            f"(byte 0x{content[error.start]:02x}); save the file as UTF-8"
        ) from None
    if b"\n" not in content and b"\r" in content:
        raise DataError(f"{path} ends its lines by carriage returns alone; save it with line feeds")


def _check_separator(path: Path, header: str, separator: str) -> None:
    """Refuse a header that lacks the separator and has another one."""
    for other, name in _NAMES.items():
        if separator not in header and other in header:
            wanted = _NAMES.get(separator, repr(separator))
            raise DataError(
                f"{path} is separated by {name}, not by {wanted}: "
                f"set separator = {_toml(other)} beside file"
            )


def _toml(separator: str) -> str:
    return '"\\t"' if separator == "\t" else f'"{separator}"'


def _stray_quote(content: bytes, separator: str) -> int | None:
    """Return the place of the first quotation mark that does not do what RFC 4180 knows, if any.

    They open and close by turns. One that opens stands at the beginning of a field, one that
    closes at its end; a doubled one is both. What stands elsewhere would swallow rows.
    """
    buffer = np.frombuffer(content, dtype=np.uint8)
    beside = np.zeros(256, dtype=bool)
    beside[[*separator.encode(), *b'\r\n"']] = True
    count, last = 0, -1
    for start in range(0, len(buffer), _BLOCK):
        quotes = start + np.flatnonzero(buffer[start : start + _BLOCK] == _QUOTE)
        closes = (count + np.arange(len(quotes))) % 2
        outside = np.where(closes, quotes + 1, quotes - 1)
        stray = quotes[~beside[buffer.take(outside, mode="clip")]]
        if len(stray):
            return int(stray[0])
        count, last = count + len(quotes), int(quotes[-1]) if len(quotes) else last
    return last if count % 2 else None


def _line(content: bytes, place: int) -> int:
    return content.count(b"\n", 0, place) + 1
