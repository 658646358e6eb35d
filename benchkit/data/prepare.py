"""From raw tables to prepared data: filter, order, code and fingerprint (paper 7.1.1)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from benchkit.contracts.arrays import Bool, Int32, Int64
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.dataset import Dataset, DatasetConfig, PreparedDataset, RawTables
from benchkit.contracts.errors import DataError
from benchkit.contracts.sessions import Sessions, offsets_of
from benchkit.data.checks import Subject, check
from benchkit.data.interactions import (
    Interactions,
    drop_repeats,
    in_order,
    long_sessions,
    p_core,
    recoded,
    sorted_within_ties,
)
from benchkit.toolkit.arrays import keys_of
from benchkit.toolkit.isolation import stdout_on_stderr
from benchkit.toolkit.texts import Texts
from benchkit.toolkit.times import in_range, out_of_range

if TYPE_CHECKING:
    import polars as pl


def prepare(dataset: Dataset, raw: Path, *, name: str, synthetic: bool) -> PreparedDataset:
    """Read raw files and make sessions of them.

    In turn: interactions with unlisted items go, if the dataset wants that; interactions are
    ordered by session, time and place in the file; of repeated pairs the earliest stays, if the
    configuration says so; sessions, then items, below the p-core go alternately; sessions below
    `min_session` go once. Sessions and items are coded by ascending id.

    Raises:
        DataError: the raw files are missing or damaged, or nothing is left.
    """
    with stdout_on_stderr():
        tables = dataset.read(raw)
    config = cast(DatasetConfig, dataset.config)
    dropped = dict(tables.dropped)
    coded, session_ids, item_ids = _coded(tables, dropped, name)
    kept = _filtered(coded, config, dropped)
    if not len(kept):
        raise DataError(
            f"{name}: no interactions are left of {len(tables.interactions)} after preparing "
            f"with p_core={config.p_core} and min_session={config.min_session}; "
            f"lower them with --set {dataset.name}.p_core=1"
        )
    kept, sessions_kept, items_kept = recoded(kept)
    ordered, repeated = sorted_within_ties(kept)
    sessions = _texts(session_ids.gather(sessions_kept))
    catalog = catalog_of(item_ids.gather(items_kept), tables.items)
    arrays = Sessions(
        kept.items,
        offsets_of(np.bincount(kept.sessions, minlength=len(sessions))),
        kept.times,
        np.arange(len(sessions), dtype=np.int32),
    )
    listed = set(tables.items.get_column("item").to_list())
    subject = Subject(kept, repeated, sessions, catalog, set(item_ids.to_list()), listed)
    checks, warnings = check(subject)
    return PreparedDataset(
        name=name,
        family=dataset.name,
        synthetic=synthetic,
        sessions=arrays,
        catalog=catalog,
        session_ids=sessions,
        session_keys=keys_of(sessions),
        item_keys=keys_of(cast(Texts, catalog.ids)),
        config=config.as_dict(),
        dropped={reason: count for reason, count in dropped.items() if count},
        fingerprint=_fingerprint(kept, ordered, sessions, catalog),
        file_order=hashlib.sha256(kept.items.astype("<i4", copy=False).data).hexdigest(),
        checks=checks,
        warnings=(*tables.warnings, *warnings),
    )


def catalog_of(ids: pl.Series, items: pl.DataFrame) -> Catalog:
    """Return the catalog of the items with these ids, in their order.

    Args:
        ids: original ids, String.
        items: a table as `RawTables.items`; what it lacks has no title, text, class, attributes.
    """
    import polars as pl

    table = (
        ids.alias("item")
        .to_frame()
        .with_row_index("code")
        .join(items, on="item", how="left")
        .sort("code")
    )
    columns = {
        column: _texts(table.get_column(column).fill_null(""))
        for column in ("item", "title", "text", "class")
    }
    attributes = table.get_column("attributes").cast(pl.List(pl.String)).list.drop_nulls()
    codes, names = _codes(attributes.explode().drop_nulls())  # nulls there are empty lists
    lengths = attributes.list.len().fill_null(0).to_numpy().astype(np.int64)
    return Catalog(
        ids=columns["item"],
        titles=columns["title"],
        texts=columns["text"],
        classes=columns["class"],
        attribute_offsets=offsets_of(lengths),
        attribute_codes=codes,
        attribute_names=_texts(names),
    )


def _texts(column: pl.Series) -> Texts:
    """Return a String column without nulls, not made Python's on the way."""
    blob = column.str.join("").item().encode("utf-8")
    lengths = column.str.len_bytes().to_numpy().astype(np.int64)
    return Texts(np.frombuffer(blob, dtype=np.uint8), offsets_of(lengths))


def _coded(
    tables: RawTables, dropped: dict[str, int], name: str
) -> tuple[Interactions, pl.Series, pl.Series]:
    """Return the wanted interactions with session and item codes, and the ids behind those."""
    raw = tables.interactions.rechunk()
    times = raw.get_column("time")
    if raw.null_count().sum_horizontal().item():
        raise DataError(f"{name}: an interaction lacks its session, item or time")
    if not in_range(times.min(), times.max()):
        raise out_of_range(times.to_numpy(), lambda row: f"{name}, interaction {row + 1}")
    sessions, session_ids = _codes(raw.get_column("session"))
    items, item_ids = _codes(raw.get_column("item"))
    rows = Interactions(sessions, items, times.to_numpy())
    if tables.only_listed:
        listed = item_ids.is_in(tables.items.get_column("item").to_list()).to_numpy()
        keep: Bool = listed[items]
        dropped["interactions with unlisted items"] = len(keep) - int(np.count_nonzero(keep))
        rows = rows if keep.all() else rows.where(keep)
    return rows, session_ids, item_ids


def _codes(column: pl.Series) -> tuple[Int32, pl.Series]:
    """Return each row's code by ascending text, ``int32[rows]``, and the texts of the codes."""
    import polars as pl

    column = column.cast(pl.Categorical)
    present = column.unique()
    texts = present.cast(pl.String)
    order = texts.arg_sort()
    places = present.to_physical().to_numpy()
    lookup = np.zeros(int(places.max()) + 1 if len(places) else 0, dtype=np.int32)
    lookup[places[order.to_numpy()]] = np.arange(len(places), dtype=np.int32)
    return lookup[column.to_physical().to_numpy()], texts.gather(order)


def _filtered(rows: Interactions, config: DatasetConfig, dropped: dict[str, int]) -> Interactions:
    rows = in_order(rows)
    if config.repeats == "earliest":
        kept = drop_repeats(rows)
        dropped["repeated interactions"] = len(rows) - len(kept)
        rows = kept
    kept = p_core(rows, config.p_core)
    dropped[f"interactions outside the {config.p_core}-core"] = len(rows) - len(kept)
    long = long_sessions(kept, config.min_session)
    dropped[f"interactions in sessions under {config.min_session}"] = len(kept) - len(long)
    return long


def _fingerprint(kept: Interactions, ordered: Int32, sessions: Texts, catalog: Catalog) -> str:
    """Digest the content. Ties are in the order of their items: the file's is no content.

    The attributes' names and codes are those of this catalog, so they stand for the attributes.
    """
    digest = hashlib.sha256()
    numbers: list[Int32 | Int64] = [
        kept.sessions,
        kept.times,
        ordered,
        catalog.attribute_offsets,
        catalog.attribute_codes,
    ]
    for array in numbers:
        digest.update(len(array).to_bytes(8, "little"))
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
    columns = (catalog.ids, catalog.titles, catalog.texts, catalog.classes, catalog.attribute_names)
    for texts in (sessions, *(cast(Texts, column) for column in columns)):
        digest.update(len(texts).to_bytes(8, "little"))
        digest.update(texts.offsets.astype("<i8", copy=False).data)
        digest.update(texts.blob.data)
    return digest.hexdigest()
