"""Records that stand one a line, as JSON or as Python literals, in a gzip file.

numpy rewrites literals as JSON (`literals.translate`), polars parses it, and byte counts prove
that every wanted value is what it seems. The result is what ``json.loads`` or ``ast.literal_eval``
gives; a line that the fast path cannot prove goes there (`records`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
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
    Json,
    as_json,
    checked,
    dialect_of,
    evaluate,
    records,
)
from benchkit_plugins.datasets.records.lists import SEPARATOR
from benchkit_plugins.datasets.records.literals import MARK
from benchkit_plugins.datasets.records.proofs import parse
from benchkit_plugins.datasets.records.strings import Ints

if TYPE_CHECKING:
    import polars as pl

__all__ = ["INTEGER", "NESTED", "TEXT", "TEXTS", "Rows", "read_columns"]

_MARKED = f"[\\x00\\x{MARK:02x}]"  # NUL: polars' reading of half a surrogate pair
_LISTS = (TEXTS, NESTED)
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
    dialect: Dialect | None = None
    waiting: deque[Future[Callable[[], Rows]]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:  # much of the work is outside Python's lock
        for block in blocks(path, size):
            dialect = dialect or dialect_of(block)
            waiting.append(pool.submit(_rows, block, fields, optional, dialect))
            if len(waiting) > _WORKERS:
                yield waiting.popleft().result()()
        while waiting:
            yield waiting.popleft().result()()


def _rows(
    block: Block, fields: Fields, optional: Collection[str], dialect: Dialect
) -> Callable[[], Rows]:
    """Take the fast path; return what takes the slow one, where that is needed.

    The latter is for the main thread: it keeps warnings off, which is not safe in others.
    """
    slowly = partial(_slowly, block, fields, optional, dialect)
    if dialect == "json" and any(kind in _LISTS for kind in fields.values()):
        return slowly
    json_ = as_json(block, dialect, fields)
    # Blank lines shift rows, and stop old versions of polars.
    blank = (np.diff(json_.ends, prepend=-1) <= 2).any()
    frame = None if blank else parse(json_.text, fields, len(json_.ends))
    if frame is None:
        return slowly
    rows = sorted({*json_.unproven, *_suspects(frame, json_, fields, optional)})
    frame = _with_lists(frame, json_, fields)
    if rows:
        return partial(_completed, frame, rows, block, json_.ends, fields, optional, dialect)
    columns = Rows(frame, range(block.first, block.first + len(json_.ends)))
    return lambda: columns


def _completed(
    frame: pl.DataFrame,
    rows: Sequence[int],
    block: Block,
    ends: Ints,
    fields: Fields,
    optional: Collection[str],
    dialect: Dialect,
) -> Rows:
    """Replace some rows of a frame by what their lines say, read the certain way."""
    numbers = range(block.first, block.first + len(ends))
    begins = np.concatenate(([0], ends[:-1] + 1))
    values = []
    for row in rows:
        line = block.text[begins[row] : ends[row]]
        record = evaluate(line, dialect, block.path, numbers[row])
        values.append(checked(record, fields, optional, block.path, numbers[row]))
    return Rows(_patched(frame, rows, _frame(values, fields)), numbers)


def _patched(frame: pl.DataFrame, rows: Sequence[int], patch: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    parts, copied = [], 0
    for place, row in enumerate(rows):
        parts += [frame.slice(copied, row - copied), patch.slice(place, 1)]
        copied = row + 1
    return pl.concat([*parts, frame.slice(copied)])


def _suspects(
    frame: pl.DataFrame, json_: Json, fields: Fields, optional: Collection[str]
) -> Iterator[int]:
    """Yield the rows with a value that must be read from the original line."""
    import polars as pl

    for name, kind in fields.items():
        column = frame.get_column(name)
        if column.null_count() and name not in optional:
            yield from column.is_null().arg_true().to_list()
        if kind == INTEGER:  # old versions of polars make 0 and 1 of booleans
            numbers = (column.fill_null(-1) if column.null_count() else column).to_numpy()
            yield from np.flatnonzero((numbers == 0) | (numbers == 1)).tolist()
    if len(json_.marked):  # marks in lists are separators
        marks = {TEXT: _MARKED, TEXTS: r"\x00", NESTED: r"\x00"}
        suspicious = [pl.col(n).str.contains(marks[k]) for n, k in fields.items() if k in marks]
        some = frame[json_.marked].select(pl.any_horizontal(suspicious).alias("marked"))
        yield from json_.marked[some.get_column("marked").arg_true().to_numpy()].tolist()


def _with_lists(frame: pl.DataFrame, json_: Json, fields: Fields) -> pl.DataFrame:
    """Split the texts that lists were made into."""
    import polars as pl

    columns = [pl.col(name) for name, kind in fields.items() if kind in _LISTS]
    if not columns:
        return frame
    for width in sorted(json_.separators, reverse=True)[:-1]:  # the last is that of `SEPARATOR`
        wide = chr(MARK) * width
        columns = [column.str.replace_all(wide, SEPARATOR, literal=True) for column in columns]
    return frame.with_columns(column.str.split(SEPARATOR) for column in columns)


def _slowly(block: Block, fields: Fields, optional: Collection[str], dialect: Dialect) -> Rows:
    evaluated = [
        (number, checked(record, fields, optional, block.path, number))
        for number, record in records(block, tuple(fields), dialect)
    ]
    return Rows(
        _frame([values for _, values in evaluated], fields), [number for number, _ in evaluated]
    )


def _frame(rows: Sequence[Mapping[str, Any]], fields: Fields) -> pl.DataFrame:
    import polars as pl

    columns = {name: [row[name] for row in rows] for name in fields}
    return pl.DataFrame(columns, schema=_schema(fields))


def _schema(fields: Fields) -> dict[str, pl.DataType]:
    import polars as pl

    types: dict[str, pl.DataType] = {
        TEXT: pl.String(),
        INTEGER: pl.Int64(),
        TEXTS: pl.List(pl.String()),
        NESTED: pl.List(pl.String()),
    }
    return {name: types[kind] for name, kind in fields.items()}
