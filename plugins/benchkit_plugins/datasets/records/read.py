"""Records that stand one a line, as JSON or as Python literals, in a gzip file.

numpy rewrites literals as JSON (`literals.translate`), polars parses it, and byte counts prove
that every wanted value is what it seems. The result is what ``json.loads`` or ``ast.literal_eval``
gives; a line that the fast path cannot prove goes there (`dialects.evaluate`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchkit_plugins.datasets.records.blocks import BLOCK, Block, blocks
from benchkit_plugins.datasets.records.dialects import (
    INTEGER,
    NESTED,
    TEXT,
    TEXTS,
    Dialect,
    Fields,
    checked,
    dialect_of,
    evaluate,
)
from benchkit_plugins.datasets.records.literals import (
    BACKSLASH,
    MARK,
    NEWLINE,
    Ints,
    Translated,
    translate,
)

if TYPE_CHECKING:
    import polars as pl

__all__ = ["INTEGER", "NESTED", "TEXT", "TEXTS", "Rows", "read_columns"]

_MARKED = f"[\\x00\\x{MARK:02x}]"  # NUL: polars' reading of half a surrogate pair
# What polars makes of a list's members that are no texts; a text may be like that and real.
_NO_TEXT = r"^(-?(\d[\d.eE+-]*|inf)$|true$|false$|[\[{])"
# How the values of each kind begin behind a key and its colon; the prefix u has become a blank.
_BEGINNINGS = {
    TEXT: (b' "', b'  "'),
    INTEGER: (b" ",),
    TEXTS: (b" [",),
    NESTED: (b" [[", b" []"),
}
_EXACT = 1 << 53  # beyond it a float leaves whole numbers out
_WORKERS = 2  # blocks worked on at once; more would only hold more memory


@dataclass(frozen=True)
class Rows:
    """Some rows of a file.

    Attributes:
        frame: one column a field: String, Int64 or List(String).
        numbers: line number of each row, from 1.
    """

    frame: pl.DataFrame
    numbers: Sequence[int]


def read_columns(
    path: Path, fields: Fields, optional: Collection[str] = (), size: int = BLOCK
) -> Iterator[Rows]:
    """Yield the wanted fields of a file of records, a block at a time.

    Args:
        path: gzip file of one dictionary a line; blank lines are skipped.
        fields: name and kind of each wanted field: `TEXT`, `INTEGER`, `TEXTS` (a list of texts) or
            `NESTED` (a list of such lists, which is flattened).
        optional: fields that a line may lack, or have as None; their columns hold nulls then.
        size: bytes a block.

    Raises:
        DataError: the file or a line of it is damaged, or a field is missing or ill-typed.
    """
    waiting: deque[tuple[Block, Future[_Parsed | None]]] = deque()

    def next_rows() -> Rows:
        block, parsed = waiting.popleft()
        # Here and not in a thread: keeping warnings off is not safe in threads.
        return _completed(parsed.result(), block, fields, optional, dialect)

    with ThreadPoolExecutor(_WORKERS) as pool:  # much of the work is outside Python's lock
        for block in blocks(path, size):
            if block.first == 1:
                dialect = dialect_of(block)
            waiting.append((block, pool.submit(_parse, block, fields, optional, dialect)))
            if len(waiting) > _WORKERS:
                yield next_rows()
        while waiting:
            yield next_rows()


@dataclass(frozen=True)
class _Parsed:
    """A block as polars reads it, and the rows that must be read from their lines instead."""

    frame: pl.DataFrame
    doubtful: Sequence[int]


def _parse(
    block: Block, fields: Fields, optional: Collection[str], dialect: Dialect
) -> _Parsed | None:
    """Parse a block with polars; None unless each value is proven to be what its line says."""
    import polars as pl

    content = np.frombuffer(block.text, dtype=np.uint8)
    ends = np.flatnonzero(content == NEWLINE)
    first, last = content[np.concatenate(([0], ends[:-1] + 1))], content[ends - 1]
    if (first != ord("{")).any() or ((last != ord("}")) & (last != ord("\r"))).any():
        return None  # what is no object, or a blank line, which would shift rows
    if dialect == "python":
        json = translate(block.text)
    else:
        escapes = np.flatnonzero(content == BACKSLASH)
        json = Translated(content, ends, [], np.unique(np.searchsorted(ends, escapes)))
    text = json.out.tobytes()
    try:
        _ = text.isascii() or text.decode()
        frame = pl.read_ndjson(text, schema=_schema(fields, parsing=True))
    except (UnicodeDecodeError, pl.exceptions.PolarsError, RuntimeError):
        return None
    if len(frame) != len(ends) or not all(
        _proven(text, name, kind, len(frame) - frame.get_column(name).null_count())
        for name, kind in fields.items()
    ):
        return None
    doubtful = {*json.unproven}
    for name, kind in fields.items():
        column = _flat(frame.get_column(name)) if kind == NESTED else frame.get_column(name)
        if column.null_count() and name not in optional:
            doubtful.update(column.is_null().arg_true().to_list())
        if kind == INTEGER:
            column, rows = _whole(column)
        elif kind == TEXT:
            rows = json.marked
            if len(rows):
                rows = rows[column[rows].str.contains(_MARKED).arg_true().to_numpy()]
        else:
            rows = _with_other_members(column)
        doubtful.update(rows.tolist())
        frame.replace_column(frame.get_column_index(name), column)
    return _Parsed(frame, sorted(doubtful))


def _flat(column: pl.Series) -> pl.Series:
    """Join the lists of each row's list; what is empty among them may leave a null."""
    import polars as pl

    return column.list.eval(pl.element().explode())


def _whole(column: pl.Series) -> tuple[pl.Series, Ints]:
    """Return floats as whole numbers, and the rows where the line may say something else.

    Those are fractions, what a float rounds, and 0 and 1, which old polars makes of booleans.
    """
    import polars as pl

    whole = column.cast(pl.Int64, strict=False)
    numbers, floats = whole.fill_null(-1).to_numpy(), column.fill_null(-1).to_numpy()
    odd = (numbers != floats) | (numbers == 0) | (numbers == 1) | (floats > _EXACT)
    return whole, np.flatnonzero(odd | (floats < -_EXACT))


def _with_other_members(lists: pl.Series) -> Ints:
    """Return the rows with a member that may be no text, or must be read from its line."""
    import polars as pl

    members = lists.to_frame("member").with_row_index("row")
    members = members.filter(pl.col("member").list.len() > 0).explode("member")
    odd = pl.col("member").is_null() | pl.col("member").str.contains(f"{_MARKED}|{_NO_TEXT}")
    return members.filter(odd).get_column("row").to_numpy()


def _proven(text: bytes, name: str, kind: str, values: int) -> bool:
    """Return whether a key occurs as often as it has a value, of the right kind each time.

    Then it does so at most once a line and on the outermost level. polars keeps the first of
    repeated keys, and makes text of numbers and numbers of booleans.
    """
    quoted = f'"{name}"'.encode()
    key = quoted + b":"
    right = -text.count(key + b' "') if kind == INTEGER else 0
    for beginning in _BEGINNINGS[kind]:
        right += text.count(key + beginning)
        if right == values:
            break
    return right == values == text.count(quoted)


def _completed(
    parsed: _Parsed | None,
    block: Block,
    fields: Fields,
    optional: Collection[str],
    dialect: Dialect,
) -> Rows:
    """Read the doubtful rows, or all where nothing is parsed, from their lines, the certain way."""
    numbers = range(block.first, block.first + block.text.count(b"\n"))
    if parsed is not None and not parsed.doubtful:
        return Rows(parsed.frame, numbers)
    lines = block.text.split(b"\n")
    rows: Sequence[int] = (
        [row for row, line in enumerate(lines) if line.strip()]
        if parsed is None
        else parsed.doubtful
    )
    values = [
        checked(
            evaluate(lines[row], dialect, block.path, numbers[row]),
            fields,
            optional,
            block.path,
            numbers[row],
        )
        for row in rows
    ]
    patch = _frame(values, fields)
    if parsed is None:
        return Rows(patch, [numbers[row] for row in rows])
    return Rows(_patched(parsed.frame, rows, patch), numbers)


def _patched(frame: pl.DataFrame, rows: Sequence[int], patch: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    parts, copied = [], 0
    for place, row in enumerate(rows):
        parts += [frame.slice(copied, row - copied), patch.slice(place, 1)]
        copied = row + 1
    return pl.concat([*parts, frame.slice(copied)])


def _frame(rows: Sequence[Mapping[str, Any]], fields: Fields) -> pl.DataFrame:
    import polars as pl

    columns = {name: [row[name] for row in rows] for name in fields}
    return pl.DataFrame(columns, schema=_schema(fields))


def _schema(fields: Fields, *, parsing: bool = False) -> dict[str, pl.DataType]:
    """Return the columns' types; `parsing` says those that lines are parsed with."""
    import polars as pl

    texts = pl.List(pl.String())
    types: dict[str, pl.DataType] = {
        TEXT: pl.String(),
        # old versions of polars cut fractions off
        INTEGER: pl.Float64() if parsing else pl.Int64(),
        TEXTS: texts,
        NESTED: pl.List(texts) if parsing else texts,
    }
    return {name: types[kind] for name, kind in fields.items()}
