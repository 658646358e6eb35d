"""Session logs as Parquet or CSV, and a user's own dataset described by a TOML file.

    [dataset]
    name = "my-shop"                 # as shown everywhere
    p_core = 5                       # any parameter of a dataset; these are optional
    min_session = 2
    repeats = "keep"

    [interactions]
    file = "log.parquet"             # or text; paths are relative to this file
    separator = ";"                  # optional: of text, where the suffix does not say it
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

Files are Parquet, or UTF-8 text with a header, quoted as RFC 4180 says: ``.csv`` is separated by
commas, ``.tsv`` and RecBole's ``.inter`` and ``.item`` by tabs. The types in RecBole's headers
(``user_id:token``) may be left out of the names of columns here.

A time is a date or a date and time (a column of that type, or ISO 8601 text; without a zone it is
UTC), or a number since 1970: of seconds, or of what `time_unit` beside it says (``ms``, ``us``,
``ns``). Times are kept in whole seconds: what falls into one second is tied, in order of time under
`--ties file`.

An attribute may also be a list as JSON or Python writes it in text, or a list of records, of which
the ``name`` (or the only text) counts.
Use it: ``benchkit run --dataset ./my-shop.toml``.
"""

from __future__ import annotations

import glob
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchkit.contracts.dataset import Dataset, DatasetConfig, RawFile, RawTables
from benchkit.contracts.errors import ConfigError, DataError, unknown_name
from benchkit.toolkit.attributes import read_attributes
from benchkit.toolkit.table_files import column, read_table
from benchkit.toolkit.times import UNITS, as_ticks

if TYPE_CHECKING:
    import polars as pl

_SLUG = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


@dataclass(frozen=True)
class InteractionColumns:
    """Names of the columns of a log.

    Attributes:
        session: who.
        item: what.
        time: when.
        time_unit: of numbers in column `time`: ``s``, ``ms``, ``us`` or ``ns``.
        separator: of text; None for what the file's suffix stands for.
    """

    session: str = "session"
    item: str = "item"
    time: str = "time"
    time_unit: str = "s"
    separator: str | None = None


@dataclass(frozen=True)
class ItemColumns:
    """Names of the columns of an item table; None where it has none, or they may be missing.

    `separator` is as in `InteractionColumns`.
    """

    item: str = "item"
    text: str | None = None
    title: str | None = None
    class_: str | None = None
    attributes: str | None = None
    separator: str | None = None


@dataclass(frozen=True)
class _Tables:
    """Paths and columns of a log and its item table."""

    log: str
    log_columns: InteractionColumns
    items: str | None
    item_columns: ItemColumns


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


def read_toml(path: Path, values: Mapping[str, object]) -> SessionLog:
    """Return the dataset that a TOML file describes; `values` win over its parameters.

    Raises:
        DataError: the file is missing, is no TOML, or lacks what it must have.
        ConfigError: a parameter is unknown or ill-typed.
    """
    content = _load(path)
    _refuse_unknown(content, ("dataset", "interactions", "items"), f"{path}: table")
    name = _name(content, path)
    stated = {key: value for key, value in content["dataset"].items() if key != "name"}
    config = DatasetConfig.create({**stated, **values}, str(path) if stated else name)
    log, log_columns = _columns(_table(content, "interactions", path), path, "interactions")
    items, item_columns = None, dict[str, str]()
    if "items" in content:
        items, item_columns = _columns(_table(content, "items", path), path, "items")
    unit = log_columns.get("time_unit", "s")
    if unit not in UNITS:
        raise DataError(
            f"{path}: [interactions] time_unit is {unit!r}; it can be {', '.join(UNITS)}"
        )
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

    frame = read_table(log, log_columns.separator)
    sessions, ids = (_ids(frame, name, log) for name in (log_columns.session, log_columns.item))
    stamps = column(frame, log_columns.time, log)
    _refuse_gaps(stamps, log)
    ticks, rate = as_ticks(stamps, log_columns.time_unit, _place(log, stamps))
    interactions = pl.DataFrame({"session": sessions, "item": ids, "time": ticks // rate})
    if rate > 1:  # what falls into one second stays in order where the file's order counts
        interactions = interactions[ticks.to_numpy().argsort(kind="stable")]
    if items is None:
        texts = dict.fromkeys(("item", "title", "text", "class"), pl.String)
        table = pl.DataFrame(schema={**texts, "attributes": pl.List(pl.String)})
        return RawTables(interactions, table)
    table, warnings = _items(read_table(items, item_columns.separator), item_columns, items)
    unique = table.unique(subset="item", keep="first", maintain_order=True)
    twice = {"items listed twice": len(table) - len(unique)}
    return RawTables(interactions, unique, dropped=twice, warnings=warnings)


def _items(frame: pl.DataFrame, columns: ItemColumns, path: Path) -> tuple[pl.DataFrame, list[str]]:
    """Return the item table and warnings."""
    import polars as pl

    def optional(name: str | None, default: str) -> pl.Series | None:
        if name is None and default not in (header.partition(":")[0] for header in frame.columns):
            return None
        return column(frame, name or default, path)

    table = _ids(frame, columns.item, path).alias("item").to_frame()
    names = {"title": columns.title, "text": columns.text, "class": columns.class_}
    texts = {
        name: _as_text(values, path).fill_null("").alias(name)
        for name, chosen in names.items()
        if (values := optional(chosen, name)) is not None
    }
    for name, stand_in in (("title", "text"), ("text", "title"), ("class", "")):
        values = texts.get(name, texts.get(stand_in))
        table = table.with_columns((pl.lit("") if values is None else values).alias(name))
    labels, warnings = optional(columns.attributes, "attributes"), list[str]()
    attributes: Any = pl.lit([], dtype=pl.List(pl.String))
    if labels is not None:
        attributes, warnings = read_attributes(labels, _place(path, labels))
    table = table.with_columns(attributes.alias("attributes"))
    return table, [f"{path.name}, {warning}" for warning in warnings]


def _ids(frame: pl.DataFrame, name: str, path: Path) -> pl.Series:
    """Return a column of ids, none of them empty."""
    ids = _as_text(column(frame, name, path), path)
    _refuse_gaps(ids, path)
    return ids


def _refuse_gaps(values: pl.Series, path: Path) -> None:
    """Refuse a column with nulls, or with text that is empty but for blanks."""
    import polars as pl

    gaps = values.is_null()
    if values.dtype == pl.String:
        gaps = gaps | (values.str.strip_chars().str.len_bytes() == 0).fill_null(value=False)
    if gaps.any():
        row = int(gaps.arg_max() or 0)
        raise DataError(f"{_place(path, values)}: row {row + 1} is empty")


def _as_text(values: pl.Series, path: Path) -> pl.Series:
    import polars as pl

    if values.dtype.is_integer() or values.dtype in (pl.String, pl.Categorical, pl.Enum):
        return values.cast(pl.String)
    raise DataError(
        f"{_place(path, values)}: holds {values.dtype}, where text or whole numbers belong"
    )


def _place(path: Path, values: pl.Series) -> str:
    return f"{path}, column {values.name!r}"


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
    keys = ["file", *(field.name.rstrip("_") for field in fields(kind))]
    _refuse_unknown(table, keys, f"{path}: [{name}] key")
    for key, value in table.items():
        if not isinstance(value, str) or not value:
            raise DataError(f"{path}: [{name}] {key} must be text, not {value!r}")
    if "file" not in table:
        raise DataError(f"{path}: [{name}] needs a file")
    if len(table.get("separator", ",").encode()) != 1:
        raise DataError(f"{path}: [{name}] separator must be one ASCII character")
    columns = {key: value for key, value in table.items() if key != "file"}
    if "class" in columns:
        columns["class_"] = columns.pop("class")
    return table["file"], columns


def _refuse_unknown(table: Mapping[str, Any], allowed: Collection[str], what: str) -> None:
    for name in table:
        if name not in allowed:
            raise ConfigError(unknown_name(what, name, allowed))
