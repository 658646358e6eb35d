"""A record on its way from the machine that made it to the one that asked for it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchkit.leaderboards import store
from benchkit.leaderboards.record import Record
from benchkit.toolkit.files import folder_atomically, write_atomically


@dataclass(frozen=True)
class Parcel:
    """A record with its files.

    Attributes:
        record: the record.
        files: content of the files of its folder, by name.
        weights: content of the files of fitted weights that it names.
    """

    record: Record
    files: Mapping[str, bytes]
    weights: Mapping[str, bytes]


def pack(out: Path, record: Record) -> Parcel:
    """Return a record that lies in an output folder, and remove it there.

    The weights stay, so that the next fit of the same model need not train.
    """
    folder = record.identity.folder(out)
    weights = store.weights_folder(out, record.identity.dataset["name"])
    parcel = Parcel(
        record,
        {path.name: path.read_bytes() for path in folder.iterdir()},
        {name: (weights / name).read_bytes() for name in record.weights},
    )
    shutil.rmtree(folder)
    return parcel


def unpack(out: Path, parcel: Parcel) -> None:
    """Write a record into an output folder, whole or not at all, its weights first.

    Raises:
        StorageError: no permission, a full disk.
    """
    identity = parcel.record.identity
    for name, content in parcel.weights.items():
        write_atomically(store.weights_folder(out, identity.dataset["name"]) / name, content)
    with folder_atomically(identity.folder(out)) as folder:
        for name, content in parcel.files.items():
            (folder / name).write_bytes(content)
    store.forget_failure(out, identity)
