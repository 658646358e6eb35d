"""One line's record, the certain way: ``json.loads``, else ``ast.literal_eval``. Never ``eval``."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchkit.contracts.arrays import Int64
from benchkit.contracts.errors import DataError
from benchkit_plugins.datasets.records.blocks import Block
from benchkit_plugins.datasets.records.literals import MARK, Translated, translate
from benchkit_plugins.datasets.records.strings import BACKSLASH, NEWLINE, Ints

TEXT, INTEGER, TEXTS, NESTED = "text", "integer", "texts", "nested"
_WANTED = {
    TEXT: "text",
    INTEGER: "a whole number",
    TEXTS: "a list of texts",
    NESTED: "a list of lists of texts",
}
_DEPTHS = {TEXTS: 1, NESTED: 2}

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


def records(
    block: Block, fields: Collection[str], dialect: Dialect
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, the wanted fields that the line has) for each line that is not blank.

    Raises:
        DataError: a line is damaged.
    """
    translated = as_json(block, dialect)
    skipped = set(translated.unproven)
    lines = translated.text.split(b"\n")
    for row, line in enumerate(block.text.split(b"\n")[:-1]):
        if not line.strip():
            continue
        record = None if row in skipped else _quickly(lines[row], fields)
        if record is None:
            record = evaluate(line, dialect, block.path, block.first + row)
        yield block.first + row, {name: record[name] for name in fields if name in record}


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


@dataclass(frozen=True)
class Json:
    """A block as JSON.

    Attributes:
        text: the lines.
        ends: position of each line's newline, ``int64[lines]``.
        unproven: lines, from 0, to be read another way; they are empty objects here, so that rows
            and lines keep in step.
        marked: lines of which a text may hold a mark, or half a surrogate pair.
        separators: widths of what separates the texts of a list.
    """

    text: bytes
    ends: Int64
    unproven: list[int]
    marked: Ints
    separators: Collection[int] = ()


def as_json(block: Block, dialect: Dialect, fields: Fields | None = None) -> Json:
    """Return the block as JSON; lists among `fields` are made texts (`lists.flatten`)."""
    out = np.frombuffer(block.text, dtype=np.uint8)
    if dialect == "python":
        depths = {name: _DEPTHS[kind] for name, kind in (fields or {}).items() if kind in _DEPTHS}
        translated = translate(block.text, depths)
    else:
        ends = np.flatnonzero(out == NEWLINE)
        escapes = np.flatnonzero(out == BACKSLASH) if b"\\" in block.text else ends[:0]
        translated = Translated(out, ends, [], np.unique(np.searchsorted(ends, escapes)), set())
    out, ends = translated.out, translated.ends
    begins = np.concatenate(([0], ends[:-1] + 1))
    last = out[np.maximum(ends - 1, begins)]
    odd = np.flatnonzero((out[begins] != ord("{")) | ((last != ord("}")) & (last != ord("\r"))))
    unproven = sorted({*translated.unproven, *odd.tolist()})
    out = out.copy() if unproven and dialect == "json" else out
    for line in unproven:
        begin, end = begins[line], ends[line]
        out[begin:end] = ord(" ")
        if end - begin >= 2:  # blanks behind the last bracket stop old versions of polars
            out[begin], out[end - 1] = ord("{"), ord("}")
    same = dialect == "json" and not unproven
    text = block.text if same else out.tobytes()
    return Json(text, ends, unproven, translated.marked, translated.separators)


def _is(value: object, kind: str) -> bool:
    if kind == TEXT:
        return isinstance(value, str)
    if kind == INTEGER:
        return type(value) is int and abs(value) < 2**63
    inner = TEXT if kind == TEXTS else TEXTS
    return isinstance(value, list) and all(_is(part, inner) for part in value)


def _quickly(line: bytes, fields: Collection[str]) -> dict[str, Any] | None:
    """Return a translated line's record; None if a wanted value must be read from the original."""
    try:
        record = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    marked = MARK in line or b"\\u" in line
    return None if marked and any(_is_marked(record.get(name)) for name in fields) else record


def _is_marked(value: object) -> bool:
    if isinstance(value, str):
        return chr(MARK) in value or _has_surrogate(value)
    if isinstance(value, dict):
        return any(_is_marked(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_is_marked(part) for part in value)


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
