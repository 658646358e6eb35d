"""Attributes of items, as lists: in a column of lists, or in text of several spellings."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from benchkit.contracts.errors import DataError
from benchkit.toolkit.table_files import LISTED

if TYPE_CHECKING:
    import polars as pl

_SEPARATOR = "|"
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_PART = r"""(?:'[^']*'|"[^"]*")"""
_NUMPY = re.compile(rf"\[\s*{_PART}(?:\s+{_PART})+\s*\]")  # no commas: Python would join the parts


def read_attributes(column: pl.Series, where: str) -> tuple[pl.Series, list[str]]:
    """Return a column's attributes, a list of texts a row, and warnings.

    Args:
        column: lists of texts, of numbers or of records with one text (or a ``name``); or text:
            parts separated by ``|``, a list as JSON or Python writes it, or words of RecBole's
            type ``token_seq``.
        where: file and column, for errors.

    Raises:
        DataError: the column holds something else.
    """
    import polars as pl

    if column.dtype == pl.String:
        return _of_text(column)
    dtype = column.dtype
    if isinstance(dtype, (pl.List, pl.Array)):
        lists = column.cast(pl.List(dtype.inner)) if dtype.inner is not None else column
        if isinstance(dtype.inner, pl.Struct):
            field = _name_field(dtype.inner, where)
            lists = lists.list.eval(pl.element().struct.field(field))
        try:
            return lists.cast(pl.List(pl.String)), []
        except pl.exceptions.PolarsError:
            pass
    raise DataError(f"{where}: holds {dtype}, where lists of texts belong")


def _name_field(record: Any, where: str) -> str:
    """Return the field of a record that names it: ``name``, or its only text."""
    import polars as pl

    texts = [field.name for field in record.fields if field.dtype == pl.String]
    if "name" in texts or len(texts) == 1:
        return "name" if "name" in texts else str(texts[0])
    fields = ", ".join(field.name for field in record.fields)
    raise DataError(f"{where}: holds records of {fields}; which is the attribute? Keep one text")


def _of_text(column: pl.Series) -> tuple[pl.Series, list[str]]:
    import polars as pl

    text = column.fill_null("")
    separator = " " if column.name.endswith(LISTED) else _SEPARATOR
    parts = {
        cell: [part for part in _as_list(cell) or cell.split(separator) if part]
        for cell in text.unique()
    }
    lists = [parts[cell] for cell in text]
    return pl.Series(column.name, lists, dtype=pl.List(pl.String)), _commas(lists, column.name)


def _as_list(cell: str) -> list[str] | None:
    """Return the list that a text spells as JSON, Python or numpy does; None if it spells none.

    An empty list is a list of one empty text, which is dropped.
    """
    cell = cell.strip()
    if _BRACKETS.get(cell[:1]) != cell[-1:] or len(cell) < 2:
        return None
    if _NUMPY.fullmatch(cell):
        return [part[1:-1] for part in re.findall(_PART, cell)]
    try:
        value = json.loads(cell)
    except ValueError:
        try:
            value = ast.literal_eval(cell)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    names = _names(value) if isinstance(value, (list, tuple, set)) else None
    return None if names is None else names or [""]


def _names(values: Iterable[Any]) -> list[str] | None:
    """Return the names of a list's members; None if one is neither text, number nor record."""
    names = []
    for value in sorted(values, key=str) if isinstance(values, set) else values:
        if isinstance(value, dict):
            texts = [part for part in value.values() if isinstance(part, str)]
            value = value.get("name", texts[0] if len(texts) == 1 else [])  # noqa: PLW2901
        if not isinstance(value, (str, int, float, type(None))):
            return None
        names += [] if value is None else [str(value)]
    return names


def _commas(lists: Sequence[Sequence[str]], name: str) -> list[str]:
    """Warn of attributes that seem to be lists separated by commas."""
    filled = [parts[0] for parts in lists if len(parts) == 1]
    most = 2 * sum("," in part for part in filled) >= max(1, len(filled))
    if not most or any(len(parts) > 1 for parts in lists):
        return []
    example = next(part for part in filled if "," in part)
    return [
        f"column {name!r}: {example!r} counts as one attribute; parts are separated by "
        f"{_SEPARATOR}, not by commas"
    ]
