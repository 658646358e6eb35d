"""JSON lines parsed by polars, and byte counts that prove each value to be what it seems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchkit_plugins.datasets.records.dialects import INTEGER, NESTED, TEXT, TEXTS, Fields
from benchkit_plugins.datasets.records.lists import reads
from benchkit_plugins.datasets.records.strings import Ints, UInt8

if TYPE_CHECKING:
    import polars as pl

_BLANKS = {TEXT: (1, 2), TEXTS: (2, 3), NESTED: (3, 4)}  # the prefix u is one, brackets are


def parse(text: bytes, fields: Fields, lines: int) -> pl.DataFrame | None:
    """Parse JSON lines with polars; None unless each value is proven to be what the line says.

    polars keeps the first of repeated keys, and makes text of numbers and numbers of booleans.
    A key that occurs as often as it has a value, with the right kind of value each time, does so
    at most once a line and on the outermost level.
    """
    import polars as pl

    if not _is_utf8(text):
        return None
    # As Float64, because Int64 cuts fractions off in old versions. Lists are one text each.
    schema = {n: pl.Float64() if kind == INTEGER else pl.String() for n, kind in fields.items()}
    try:
        frame = pl.read_ndjson(text, schema=schema)
    except (pl.exceptions.PolarsError, RuntimeError):
        return None
    if len(frame) != lines or not (
        _nothing_else(frame, text, fields) or _counted(frame, text, fields)
    ):
        return None
    for name in (name for name, kind in fields.items() if kind == INTEGER):
        column = frame.get_column(name)
        whole = column.cast(pl.Int64, strict=False)
        if not np.array_equal(whole.to_numpy(), column.to_numpy(), equal_nan=True):
            return None
        frame.replace_column(frame.get_column_index(name), whole)
    return frame


def _is_utf8(text: bytes) -> bool:
    import polars as pl

    if text.isascii():
        return True
    try:
        pl.Series([text], dtype=pl.Binary).cast(pl.String)  # far faster than to make a str
    except pl.exceptions.PolarsError:
        return False
    return True


def _nothing_else(frame: pl.DataFrame, text: bytes, fields: Fields) -> bool:
    """Return whether all lines hold the wanted fields, texts and numbers, and nothing else.

    This proof is the quicker one. No column has a null, so each line has each key at least once;
    as many colons as keys leave no room for others. Without lists and escapes a line has at most
    the quotes of its keys and texts, so that many of them leave no other kind of value.
    """
    bytes_ = np.frombuffer(text, dtype=np.uint8)
    texts = sum(kind != INTEGER for kind in fields.values())
    quotes = 2 * (len(fields) + texts) * len(frame)
    return (
        not any(column.null_count() for column in frame)
        and np.count_nonzero(bytes_ == ord(":")) == len(fields) * len(frame)
        and np.count_nonzero(bytes_ == ord('"')) == quotes
        and b"\\" not in text
        and b"[" not in text
    )


def _counted(frame: pl.DataFrame, text: bytes, fields: Fields) -> bool:
    """Return whether each wanted key occurs as often as it has a value of the right kind."""
    content = np.frombuffer(text, dtype=np.uint8)
    colons = np.flatnonzero(content == ord(":"))
    if _spaced(content, colons):
        return False
    for name, kind in fields.items():
        values = len(frame) - frame.get_column(name).null_count()
        key = f'"{name}"'.encode()
        places = colons[reads(content, colons - len(key), key)]
        if len(places) != values or not _right(content, places, kind):
            return False
    return True


def _spaced(content: UInt8, colons: Ints) -> bool:
    """Return whether a key may stand before blanks and a colon, which no ``repr`` writes."""
    before = colons - 1
    before = before[content[before] <= ord(" ")]
    while len(before):
        before = before - 1
        if (content[before] == ord('"')).any():
            return True
        before = before[content[before] <= ord(" ")]
    return False


def _right(content: UInt8, colons: Ints, kind: str) -> bool:
    """Return whether a value of the right kind follows each key, in the spacing of ``repr``."""
    if kind == INTEGER:
        return bool(
            reads(content, colons, b": ").all() and not reads(content, colons, b': "').any()
        )
    left = colons
    for blanks in _BLANKS[kind]:
        left = left[~reads(content, left, b":" + b" " * blanks + b'"')]
    return not len(left)
