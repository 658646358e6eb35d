"""Session logs as Parquet or CSV, and a user's own dataset described by a TOML file.

    [dataset]
    name = "my-shop"                 # as shown everywhere
    p_core = 5                       # any parameter of a dataset; these are optional
    min_session = 2
    repeats = "keep"

    [interactions]
    file = "log.parquet"             # or .csv; paths are relative to this file
    session = "visitor"              # column names; these are the defaults: session, item, time
    item = "sku"
    time = "timestamp"               # see below

    [items]                          # optional: without it there are no texts
    file = "catalog.csv"
    item = "sku"
    text = "description"             # optional: text for embedding; the title, if left out
    title = "name"                   # optional: what a person reads; the text, if left out
    class = "department"             # optional: class for LDA
    attributes = "labels"            # optional: a list, or a text with | between its parts

A time is a date or a date and time (a column of that type, or ISO 8601 text; without a zone it is
UTC), or a number: seconds since 1970, or milliseconds if `time_unit = "ms"` stands beside it. Times
are kept in whole seconds: what falls into one second is tied, in order of time under `--ties file`.
Use it: ``benchkit run --dataset ./my-shop.toml``.
"""

from __future__ import annotations

import glob
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchkit.contracts.dataset import Dataset, DatasetConfig, RawFile, RawTables
from benchkit.errors import ConfigError, DataError, unknown_name
from benchkit.times import LATEST, in_range, out_of_range

if TYPE_CHECKING:
    import polars as pl

UNITS = {"s": 1, "ms": 1000}
_SLUG = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


@dataclass(frozen=True)
class InteractionColumns:
    """Names of the columns of a log.

    Attributes:
        session: who.
        item: what.
        time: when.
        time_unit: of numbers in column `time`: ``s`` or ``ms``.
    """

    session: str = "session"
    item: str = "item"
    time: str = "time"
    time_unit: str = "s"


@dataclass(frozen=True)
class ItemColumns:
    """Names of the columns of an item table; None where it has none, or they may be missing."""

    item: str = "item"
    text: str | None = None
    title: str | None = None
    class_: str | None = None
    attributes: str | None = None


class SessionLog(Dataset):
    """A user's own dataset, described by a TOML file."""

    name = "session-log"

    def __init__(self, name: str, config: DatasetConfig, tables: _Tables) -> None:
        super().__init__(config)
        self.name = name  # type: ignore[misc]  # this kind's name is the user's
        self.tables = tables
        paths = [tables.log] if tables.items is None else [tables.log, tables.items]
        # names of files are patterns elsewhere
        self.files = tuple(RawFile(glob.escape(path)) for path in paths)  # type: ignore[misc]  # likewise

    def read(self, raw: Path) -> RawTables:
        """Read the tables, whose paths are relative to folder `raw`."""
        tables = self.tables
        items = raw / tables.items if tables.items is not None else None
        return read_log(raw / tables.log, tables.log_columns, items, tables.item_columns)


@dataclass(frozen=True)
class _Tables:
    """Paths and columns of a log and its item table."""

    log: str
    log_columns: InteractionColumns
    items: str | None
    item_columns: ItemColumns


def read_toml(path: Path, values: Mapping[str, object]) -> SessionLog:
    """Return the dataset that a TOML file describes; `values` win over its parameters.

    Raises:
        DataError: the file is missing, is no TOML, or lacks what it must have.
        ConfigError: a parameter is unknown or ill-typed.
    """
    content = _load(path)
    known = {"dataset": None, "interactions": None, "items": None}
    _refuse_unknown(content, known, f"{path}: table")
    name = _name(content, path)
    given = {key: value for key, value in content["dataset"].items() if key != "name"}
    config = DatasetConfig.create({**given, **values}, str(path) if given else name)
    log, log_columns = _columns(_table(content, "interactions", path), path, "interactions")
    items, item_columns = None, dict[str, str]()
    if "items" in content:
        items, item_columns = _columns(_table(content, "items", path), path, "items")
    unit = log_columns.get("time_unit", "s")
    if unit not in UNITS:
        raise DataError(f"{path}: [interactions] time_unit is {unit!r}; it can be s or ms")
    return SessionLog(
        name,
        config,
        _Tables(log, InteractionColumns(**log_columns), items, ItemColumns(**item_columns)),
    )


def read_name(path: Path) -> str:
    """Return the name that a TOML file gives its dataset.

    Raises:
        DataError: the file is missing, is no TOML, or has no name.
    """
    return _name(_load(path), path)


def read_log(
    log: Path,
    log_columns: InteractionColumns,
    items: Path | None,
    item_columns: ItemColumns,
) -> RawTables:
    """Read a log and, where there is one, its item table.

    Raises:
        DataError: a file is missing or damaged, a column is missing or ill-typed, or a value is;
            naming file, column and, for a value, row.
    """
    import polars as pl

    frame = _read(log)
    wanted = {log_columns.session: "session", log_columns.item: "item", log_columns.time: "time"}
    _require(frame, wanted, log)
    for name in wanted:
        _refuse_nulls(frame, name, log)
    ticks, rate = _as_ticks(frame.get_column(log_columns.time), log_columns.time_unit, log)
    interactions = frame.select(
        _as_text(frame.get_column(log_columns.session), log).alias("session"),
        _as_text(frame.get_column(log_columns.item), log).alias("item"),
        (ticks // rate).alias("time"),
    )
    if rate > 1:  # what falls into one second stays in order where the file's order counts
        interactions = interactions[ticks.to_numpy().argsort(kind="stable")]
    if items is None:
        texts = dict.fromkeys(("item", "title", "text", "class"), pl.String)
        table = pl.DataFrame(schema={**texts, "attributes": pl.List(pl.String)})
        return RawTables(interactions, table)
    table = _items(_read(items), item_columns, items)
    unique = table.unique(subset="item", keep="first", maintain_order=True)
    return RawTables(interactions, unique, dropped={"items listed twice": len(table) - len(unique)})


def _items(frame: pl.DataFrame, columns: ItemColumns, path: Path) -> pl.DataFrame:
    import polars as pl

    named = [columns.item, columns.text, columns.title, columns.class_, columns.attributes]
    _require(frame, [name for name in named if name is not None], path)
    _refuse_nulls(frame, columns.item, path)

    def optional(name: str | None, default: str) -> pl.Series | None:
        name = name or (default if default in frame.columns else None)
        return None if name is None else _as_text(frame.get_column(name), path).fill_null("")

    nothing = pl.Series([""]).new_from_index(0, len(frame))
    text, title = optional(columns.text, "text"), optional(columns.title, "title")
    text, title = (title if text is None else text), (text if title is None else title)
    group = optional(columns.class_, "class")
    return pl.DataFrame(
        {
            "item": _as_text(frame.get_column(columns.item), path),
            "title": nothing if title is None else title,
            "text": nothing if text is None else text,
            "class": nothing if group is None else group,
            "attributes": _attributes(frame, columns.attributes, path),
        }
    )


def _attributes(frame: pl.DataFrame, name: str | None, path: Path) -> pl.Series:
    import polars as pl

    name = name or ("attributes" if "attributes" in frame.columns else None)
    empty = pl.Series([[]], dtype=pl.List(pl.String))
    if name is None:
        return empty.new_from_index(0, len(frame))
    column = frame.get_column(name)
    if isinstance(column.dtype, pl.List):
        try:
            return column.cast(pl.List(pl.String))
        except pl.exceptions.PolarsError:
            raise DataError(
                f"{path}, column {name!r}: holds {column.dtype}, where lists of texts belong"
            ) from None
    parts = _as_text(column, path).fill_null("").str.split("|")
    return parts.to_frame("a").select(
        pl.col("a").list.eval(pl.element().filter(pl.element() != ""))
    )["a"]


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    if not path.exists():
        raise DataError(f"{path} is missing")
    kind = path.suffix.lower()
    if kind not in (".parquet", ".csv"):
        raise DataError(f"{path}: a session log is a .parquet or a .csv file")
    try:
        if kind == ".parquet":
            return pl.read_parquet(path, glob=False)
        # Without type inference ids such as 007 stay what they are.
        return pl.read_csv(path, infer_schema=False, glob=False)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise DataError(f"{path} is no readable {kind[1:]} file: {reason}") from error


def _require(frame: pl.DataFrame, names: Any, path: Path) -> None:
    for name in names:
        if name not in frame.columns:
            raise DataError(f"{path}: {unknown_name('column', name, frame.columns)}")


def _refuse_nulls(frame: pl.DataFrame, name: str, path: Path) -> None:
    column = frame.get_column(name)
    if column.null_count():
        row = int(column.is_null().arg_max() or 0)
        raise DataError(f"{path}, column {name!r}: row {row + 1} is empty")


def _as_text(column: pl.Series, path: Path) -> pl.Series:
    import polars as pl

    if column.dtype.is_integer() or column.dtype in (pl.String, pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    raise DataError(
        f"{path}, column {column.name!r}: holds {column.dtype}, where text or whole numbers belong"
    )


def _as_ticks(column: pl.Series, unit: str, path: Path) -> tuple[pl.Series, int]:
    """Read a column of times since 1970; return them, and how many are a second."""
    import polars as pl

    where = f"{path}, column {column.name!r}"
    if column.dtype == pl.String:
        column = _parsed(column, where)
    if column.dtype.is_temporal() and column.dtype not in (pl.Time, pl.Duration):
        ticks, rate = column.cast(pl.Datetime("us")).dt.epoch("us"), 1_000_000
    elif column.dtype.is_integer():
        # what is too large for Int64 is out of range as well
        rate = UNITS[unit]
        ticks = column.cast(pl.Int64, strict=False).fill_null(LATEST * rate)
    else:
        raise DataError(f"{where}: holds {column.dtype}, where times belong")
    times = ticks // rate
    if not in_range(times.min(), times.max()):
        raise out_of_range(times.to_numpy(), lambda row: f"{where}, row {row + 1}")
    return ticks, rate


def _parsed(column: pl.Series, where: str) -> pl.Series:
    """Read text as whole numbers if the first row is one, else as ISO dates or dates and times."""
    import polars as pl

    if not len(column):
        return column.cast(pl.Int64)
    first = str(column[0])
    if first.lstrip("-").isdigit():
        values = column.cast(pl.Int64, strict=False)
    elif len(first) == len("2017-12-31"):
        values = column.str.to_date("%Y-%m-%d", strict=False)
    else:
        text = column.str.replace(" ", "T", literal=True)
        text = text.str.replace(r"(Z|[+-]00:?00)$", "")
        values = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    if values.null_count():
        row = int(values.is_null().arg_max() or 0)
        raise DataError(
            f"{where}, row {row + 1}: {column[row]!r} is no time; whole seconds, 2017-12-31 and "
            f"2017-12-31T23:59:59 are, all alike in one column"
        )
    return values


def _load(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # also of the encoding
        raise DataError(f"{path} is no TOML: {error}") from error


def _table(content: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    table = content.get(name)
    if not isinstance(table, dict):
        raise DataError(f"{path}: table [{name}] is missing")
    return table


def _name(content: Mapping[str, Any], path: Path) -> str:
    name = _table(content, "dataset", path).get("name")
    if not isinstance(name, str) or not name or not set(name) <= _SLUG:
        raise DataError(
            f"{path}: [dataset] needs a name of small letters, digits, - and _, not {name!r}"
        )
    return name


def _columns(table: Mapping[str, Any], path: Path, name: str) -> tuple[str, dict[str, str]]:
    """Return a table's file and the arguments of its columns."""
    kind = InteractionColumns if name == "interactions" else ItemColumns
    known = {"file": None, **{field.name.rstrip("_"): None for field in fields(kind)}}
    _refuse_unknown(table, known, f"{path}: [{name}] key")
    for key, value in table.items():
        if not isinstance(value, str) or not value:
            raise DataError(f"{path}: [{name}] {key} must be text, not {value!r}")
    if "file" not in table:
        raise DataError(f"{path}: [{name}] needs a file")
    columns = {key: value for key, value in table.items() if key != "file"}
    if "class" in columns:
        columns["class_"] = columns.pop("class")
    return table["file"], columns


def _refuse_unknown(given: Mapping[str, Any], known: Mapping[str, None], what: str) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(unknown_name(what, name, known))
