"""Prepared data kept as arrays, by the content of what they were made of.

A folder a preparation: ``.npy`` files (never pickles) and ``meta.json``, which is part of the
whole: it holds a checksum of each array. What is damaged is prepared again.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from benchkit.contracts.catalog import Catalog
from benchkit.contracts.dataset import Dataset, PreparedDataset
from benchkit.contracts.errors import DataError
from benchkit.contracts.sessions import Sessions
from benchkit.toolkit.arrays import keys_of
from benchkit.toolkit.digests import file_digest
from benchkit.toolkit.files import folder_atomically, storage_error
from benchkit.toolkit.texts import Texts

VERSION = 2  # of preparation and of the layout: raise it when either changes
Array = npt.NDArray[Any]
_CATALOG_TEXTS = ("ids", "titles", "texts", "classes", "attribute_names")


def prepared(
    dataset: Dataset, raw: Path, home: Path, *, name: str, synthetic: bool, source: str
) -> PreparedDataset:
    """Return prepared data from the cache in `home`, or prepare them and keep them there.

    Args:
        dataset: the configured dataset.
        raw: folder of its raw files.
        home: folder of the dataset in the workspace.
        name: as shown everywhere.
        synthetic: whether the raw files are generated.
        source: identifies the code that reads the raw files.

    Raises:
        DataError: the raw files are damaged or change meanwhile, or nothing is left of them.
        StorageError: the prepared data cannot be kept.
    """
    content = _content(dataset, raw, home)
    made_of = [VERSION, name, synthetic, source, content, dataset.config.as_dict()]
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:20]
    folder = home / "prepared" / key
    data = load(folder)
    if data is None:
        from benchkit.data.prepare import prepare

        data = prepare(dataset, raw, name=name, synthetic=synthetic)
        if _content(dataset, raw, home) != content:
            raise DataError(f"{name}: the raw files changed while they were read; try again")
        save(data, folder)
    return data


def _content(dataset: Dataset, raw: Path, home: Path) -> list[tuple[str, str]]:
    """Return name and digest of each raw file."""
    return [(path.name, file_digest(path, home)) for path in raw_files(dataset, raw)]


def raw_files(dataset: Dataset, raw: Path) -> list[Path]:
    """Return the raw files that exist, in the dataset's order; a name may be a pattern."""
    patterns = (raw / file.name for file in dataset.files)  # a user's own may be an absolute path
    return [path for file in patterns for path in sorted(file.parent.glob(file.name))[:1]]


def find(
    datasets: Path,
    name: str,
    fingerprint: str,
    accepts: Callable[[str], bool] = lambda _order: True,
) -> PreparedDataset | None:
    """Return the prepared data of that name and fingerprint, if they are in the cache, whole.

    Args:
        datasets: folder of the workspace.
        name: of the dataset.
        fingerprint: of the data.
        accepts: whether they will do, by the order of equal timestamps in the file that they were
            made of.
    """
    for path in sorted(datasets.glob("*/prepared/*/meta.json")):
        meta = _read_meta(path.parent) or {}
        same = (meta.get("fingerprint"), meta.get("name")) == (fingerprint, name)
        if not same or not accepts(str(meta.get("file_order"))):
            continue
        if (data := load(path.parent)) is not None:
            return data
    return None


def save(data: PreparedDataset, folder: Path) -> None:
    """Write prepared data into a folder, whole or not at all.

    Raises:
        StorageError: they cannot be written.
    """
    arrays = _arrays(data)
    sums = {name: zlib.crc32(array.data) for name, array in arrays.items()}
    meta = {
        "version": VERSION,
        "name": data.name,
        "family": data.family,
        "synthetic": data.synthetic,
        "config": dict(data.config),
        "dropped": dict(data.dropped),
        "checks": dict(data.checks),
        "warnings": list(data.warnings),
        "fingerprint": data.fingerprint,
        "file_order": data.file_order,
        "checksums": sums,
    }
    with folder_atomically(folder) as new:
        for name, array in arrays.items():
            np.save(new / f"{name}.npy", array, allow_pickle=False)
        (new / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")


def load(folder: Path) -> PreparedDataset | None:
    """Return the prepared data in a folder; None where there are none, or damaged ones."""
    meta = _read_meta(folder)
    if meta is None or meta.get("version") != VERSION:
        return None
    try:
        arrays = dict(_read_arrays(folder, meta["checksums"]))
        return _assembled(arrays, meta)
    except Exception:  # numpy's reading of a damaged header may raise anything
        return None


def _read_meta(folder: Path) -> dict[str, Any] | None:
    path = folder / "meta.json"
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise storage_error(path, error, "read") from error
    except (OSError, ValueError):
        return None
    return meta if isinstance(meta, dict) else None


def _read_arrays(folder: Path, checksums: dict[str, int]) -> Iterable[tuple[str, Array]]:
    for name, checksum in checksums.items():
        array = np.load(folder / f"{name}.npy", allow_pickle=False)
        if zlib.crc32(array.data) != checksum:
            raise ValueError(name)
        yield name, array


def _arrays(data: PreparedDataset) -> dict[str, Array]:
    catalog = data.catalog
    arrays: dict[str, Array] = {
        "items": data.sessions.items,
        "offsets": data.sessions.offsets,
        "times": data.sessions.times,
        "attribute_offsets": catalog.attribute_offsets,
        "attribute_codes": catalog.attribute_codes,
    }
    columns = {name: getattr(catalog, name) for name in _CATALOG_TEXTS}
    for name, column in {**columns, "session_ids": data.session_ids}.items():
        texts = column if isinstance(column, Texts) else Texts.of(column)
        arrays[f"{name}.blob"], arrays[f"{name}.bounds"] = texts.blob, texts.offsets
    return arrays


def _assembled(arrays: dict[str, Array], meta: dict[str, Any]) -> PreparedDataset:
    texts = {
        name: Texts(arrays[f"{name}.blob"], arrays[f"{name}.bounds"])
        for name in (*_CATALOG_TEXTS, "session_ids")
    }
    session_ids = texts.pop("session_ids")
    count = len(session_ids)
    return PreparedDataset(
        name=meta["name"],
        family=meta["family"],
        synthetic=meta["synthetic"],
        sessions=Sessions(
            arrays["items"], arrays["offsets"], arrays["times"], np.arange(count, dtype=np.int32)
        ),
        catalog=Catalog(
            attribute_offsets=arrays["attribute_offsets"],
            attribute_codes=arrays["attribute_codes"],
            **cast(dict[str, Any], texts),
        ),
        session_ids=session_ids,
        session_keys=keys_of(session_ids),
        item_keys=keys_of(texts["ids"]),
        config=meta["config"],
        dropped=meta["dropped"],
        fingerprint=meta["fingerprint"],
        file_order=meta["file_order"],
        checks=meta["checks"],
        warnings=tuple(meta["warnings"]),
    )
