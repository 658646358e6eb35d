"""From rows of raw files to the tables that a dataset's `read` returns."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchkit.contracts.errors import DataError
from benchkit.toolkit.times import in_range, out_of_range
from benchkit_plugins.datasets.records.read import Rows

if TYPE_CHECKING:
    import polars as pl


Columns = tuple["pl.Series", "pl.Series", "pl.Series"]


def interactions(blocks: Iterable[Columns]) -> pl.DataFrame:
    """Join blocks of interactions; sessions and items become Categorical, 4 bytes a row.

    Blocks come and go one by one, so that the texts of all rows are never in memory together.

    Args:
        blocks: sessions, items and times of some interactions each.
    """
    import polars as pl

    with ExitStack() as stack:
        if "Categories" not in dir(pl):  # before 1.32 a cache makes categories of blocks agree
            stack.enter_context(pl.StringCache())
        parts = [
            (session.cast(pl.Categorical), item.cast(pl.Categorical), time)
            for session, item, time in blocks
        ]
        names = ("session", "item", "time")
        if not parts:
            return pl.DataFrame(
                schema=dict(zip(names, (pl.String, pl.String, pl.Int64), strict=True))
            )
        columns = (pl.concat(column) for column in zip(*parts, strict=True))
        return pl.DataFrame(dict(zip(names, columns, strict=True)))


def concat(rows: Iterable[Rows], path: Path) -> pl.DataFrame:
    """Join the rows of a file of items, which must have some.

    Raises:
        DataError: there are none.
    """
    import polars as pl

    parts = [part.frame for part in rows]
    if not parts:
        raise DataError(f"{path} holds no items")
    return pl.concat(parts)


def unique_items(items: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Keep the first row of each item; return the rest and how many rows went."""
    unique = items.unique(subset="item", keep="first", maintain_order=True)
    return unique, len(items) - len(unique)


def checked_times(rows: Rows, name: str, path: Path) -> pl.Series:
    """Return a column of seconds since 1970 once it is known to be plausible.

    Raises:
        DataError: a timestamp is out of range, naming its line.
    """
    times = rows.frame.get_column(name)
    if not in_range(times.min(), times.max()):
        raise out_of_range(times.to_numpy(), lambda row: f"{path}, line {rows.numbers[row]}")
    return times


def seconds_of_days(rows: Rows, name: str, path: Path) -> pl.Series:
    """Return a column of days (2017-12-31) as seconds since 1970, at midnight UTC.

    Raises:
        DataError: a value is no day, naming its line.
    """
    import polars as pl

    column = rows.frame.get_column(name)
    days = column.str.to_date("%Y-%m-%d", strict=False)
    if days.null_count():
        row = int(days.is_null().arg_max() or 0)
        raise DataError(
            f"{path}, line {rows.numbers[row]}: {name!r} is {column[row]!r}, "
            f"not a day such as 2017-12-31"
        )
    seconds = days.cast(pl.Int64) * 86_400
    return checked_times(Rows(seconds.to_frame(), rows.numbers), name, path)
