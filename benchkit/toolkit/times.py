"""Points in time and durations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from benchkit.contracts.arrays import Int64
from benchkit.contracts.errors import DataError

if TYPE_CHECKING:
    import polars as pl

LATEST = 4_102_444_800  # 2100-01-01
UNITS = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}
_MICROSECONDS = UNITS["us"]
_LIKELY = 631_152_000  # 1990-01-01: what a unit must yield to be suggested
# Spellings of dates by their first row: a pattern, and how chrono writes it.
_SPELLINGS = (
    (r"^\d{4}-\d\d-\d\d$", "%Y-%m-%d"),
    (r"^(19|20)\d{6}$", "%Y%m%d"),
    (r"^(19|20)\d{12}$", "%Y%m%d%H%M%S"),
    (r"^\d{8}T\d{6}", "%Y%m%dT%H%M%S%.f"),
    (r"^\d{8}T\d{4}", "%Y%m%dT%H%M"),
    (r"T\d\d:\d\d:", "%Y-%m-%dT%H:%M:%S%.f"),
    (r"T\d\d:\d\d", "%Y-%m-%dT%H:%M"),
)


def in_range(earliest: Any, latest: Any) -> bool:
    """Tell whether timestamps between these two are plausible: from 1970 until 2100.

    None, the extreme of no timestamps at all, is.
    """
    return earliest is None or (earliest >= 0 and latest < LATEST)


def out_of_range(times: Int64, where: Callable[[int], str]) -> DataError:
    """Return the error for the first timestamp that is out of range.

    Args:
        times: seconds since 1970, at least one of them out of range.
        where: gives the place of a row: file and line.
    """
    row = int(np.flatnonzero((times < 0) | (times >= LATEST))[0])
    units = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    fitting = [unit for unit in units if _LIKELY <= times[row] // UNITS[unit] < LATEST]
    hint = "".join(
        f'; is it in {units[unit]}? In a dataset of your own: time_unit = "{unit}"'
        for unit in fitting
    )
    return DataError(
        f"{where(row)}: timestamp {times[row]} is out of range, "
        f"which is 0 (1970) to {LATEST - 1} (2099) seconds{hint}"
    )


def as_ticks(column: pl.Series, unit: str, where: str) -> tuple[pl.Series, int]:
    """Read a column of times since 1970; return them, and how many are a second.

    Args:
        column: of a temporal type, numbers, or text that holds either (`_parsed`).
        unit: of numbers, one of `UNITS`.
        where: file and column, for errors.

    Raises:
        DataError: the column's type is no time's, or a value is none or out of range; and its row.
    """
    import polars as pl

    if column.dtype == pl.String:
        column = _parsed(column, where)
    if column.dtype.is_temporal() and column.dtype not in (pl.Time, pl.Duration):
        ticks, rate = column.cast(pl.Datetime("us")).dt.epoch("us"), _MICROSECONDS
    elif column.dtype.is_integer():
        # what is too large for Int64 is out of range as well
        rate = UNITS[unit]
        ticks = column.cast(pl.Int64, strict=False).fill_null(LATEST * rate)
    elif column.dtype.is_float():
        ticks, rate = _of_floats(column, unit, where), _MICROSECONDS
    else:
        raise DataError(f"{where}: holds {column.dtype}, where times belong")
    times = ticks // rate
    if not in_range(times.min(), times.max()):
        raise out_of_range(times.to_numpy(), lambda row: f"{where}, row {row + 1}")
    return ticks, rate


def _of_floats(column: pl.Series, unit: str, where: str) -> pl.Series:
    """Return numbers with fractions as microseconds."""
    import polars as pl

    bad = ~column.is_finite()
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise DataError(f"{where}, row {row + 1}: {column[row]} is no time")
    microseconds = (column.cast(pl.Float64) * (_MICROSECONDS / UNITS[unit])).round()
    # what is too large for Int64 is out of range as well
    return microseconds.cast(pl.Int64, strict=False).fill_null(LATEST * _MICROSECONDS)


def _parsed(column: pl.Series, where: str) -> pl.Series:
    """Read text as numbers or as ISO 8601, whichever the first row is.

    Blanks for T, slashes for hyphens, and UTC or GMT for Z are read as well.
    """
    import polars as pl

    if not len(column):
        return column.cast(pl.Int64)
    text = column.str.strip_chars()
    values = _dates(text)
    if values is None:
        values = text.cast(pl.Int64, strict=False)
        values = text.cast(pl.Float64, strict=False) if values.null_count() else values
    if values.null_count():
        row = int(values.is_null().arg_max() or 0)
        raise DataError(
            f"{where}, row {row + 1}: {column[row]!r} is no time; numbers since 1970, 2017-12-31 "
            f"and 2017-12-31T23:59:59 (with Z or +02:00 or without) are, all alike in one column"
        )
    return values


def _dates(text: pl.Series) -> pl.Series | None:
    """Read text as dates or dates and times; None if the first row is neither.

    Bare digits are dates only where all rows are.
    """
    text = text.str.replace(r"^(\d{4})/(\d\d)/(\d\d)", "$1-$2-$3")
    text = text.str.replace(r"^([\d-]+) (\d)", "${1}T$2")
    text = text.str.replace(r" ?(Z|UTC|GMT)$", "+0000")
    first = text.head(1)
    spelling = next(
        (style for pattern, style in _SPELLINGS if first.str.contains(pattern)[0]), None
    )
    if spelling is None:
        return None
    if "H" in spelling:
        text = text.str.replace(r" ?([+-]\d\d)$", "${1}00")
        text = text.str.replace(r" ([+-]\d\d:?\d\d)$", "$1")
        zoned = bool(text.head(1).str.contains(r"[+-]\d\d:?\d\d$")[0])
        values = text.str.to_datetime(
            spelling + "%z" * zoned,
            time_unit="us",
            strict=False,
            time_zone="UTC" if zoned else None,
        )
    else:
        values = text.str.to_date(spelling, strict=False)
    numbers = first.str.contains(r"^\d+$")[0] and values.null_count()
    return None if numbers else values


def show_time(seconds: float) -> str:
    """Return a duration in two digits or so: ``3.2 s``, ``90 s``, ``2.5 min``, ``3 h``."""
    if seconds < 100:
        return f"{_short(seconds)} s"
    return f"{_short(seconds / 60)} min" if seconds < 6000 else f"{_short(seconds / 3600)} h"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"
