"""One line's record, the certain way: ``json.loads``, else ``ast.literal_eval``. Never ``eval``."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from benchkit.contracts.errors import DataError
from benchkit_plugins.datasets.records.blocks import Block

TEXT, INTEGER, TEXTS, NESTED = "text", "integer", "texts", "nested"
_WANTED = {
    TEXT: "text",
    INTEGER: "a whole number",
    TEXTS: "a list of texts",
    NESTED: "a list of lists of texts",
}

Dialect = Literal["json", "python"]
Fields = Mapping[str, str]


def dialect_of(block: Block) -> Dialect:
    """Return the dialect of a file, by its first line: JSON or Python literals."""
    try:
        json.loads(block.text.lstrip().partition(b"\n")[0])
    except ValueError:
        return "python"
    return "json"


def evaluate(line: bytes, dialect: Dialect, path: Path, number: int) -> dict[str, Any]:
    """Return one line's record.

    Half a surrogate pair, which Unicode forbids, becomes U+FFFD; two halves become one character.

    Raises:
        DataError: the line is no literal, or not one of a dictionary.
    """
    try:
        text = line.decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # unknown escapes, which real lines hold
            value = json.loads(text) if dialect == "json" else ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        kind = "JSON" if dialect == "json" else "Python literal"
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        reason = reason.partition("\n")[0][:80]
        raise DataError(f"{path}, line {number}: no {kind} ({reason})") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}, line {number}: not a dictionary but a {type(value).__name__}")
    return {_joined(key): _joined(content) for key, content in value.items()}


def checked(
    record: Mapping[str, Any], fields: Fields, optional: Collection[str], path: Path, number: int
) -> dict[str, Any]:
    """Return a record's wanted values, lists of lists flattened, None for what it may lack.

    Raises:
        DataError: a field is missing or ill-typed.
    """
    values: dict[str, Any] = {}
    for name, kind in fields.items():
        value = record.get(name)
        if kind == INTEGER and isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None and name not in optional:
            raise DataError(f"{path}, line {number}: field {name!r} is missing")
        if value is not None and not _is(value, kind):
            shown = repr(value)[:40]
            raise DataError(
                f"{path}, line {number}: field {name!r} holds {shown}, not {_WANTED[kind]}"
            )
        values[name] = value
        if value is not None and kind == NESTED:
            values[name] = [text for part in value for text in part]
    return values


def _is(value: object, kind: str) -> bool:
    if kind == TEXT:
        return isinstance(value, str)
    if kind == INTEGER:
        return type(value) is int and abs(value) < 2**63
    inner = TEXT if kind == TEXTS else TEXTS
    return isinstance(value, list) and all(_is(part, inner) for part in value)


def _joined(value: Any) -> Any:
    """Return `value` with the surrogates in its texts joined or replaced."""
    if isinstance(value, str) and _has_surrogate(value):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_joined(key): _joined(content) for key, content in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_joined(part) for part in value)
    return value


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
