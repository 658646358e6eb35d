"""Jobs for a machine of a cluster, and their results: plain data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import DataError
from benchkit.evaluation.processes import Event
from benchkit.evaluation.tasks import Task
from benchkit.leaderboards import store
from benchkit.leaderboards.record import Record
from benchkit.toolkit.files import folder_atomically, write_atomically


@dataclass(frozen=True)
class Data:
    """The data that a job is on, and where a machine may find them.

    Attributes:
        argument: name or TOML file, as the user wrote it.
        raw: folder of the raw files, where the user named one.
        name: as shown everywhere.
        config: the dataset's configuration.
        fingerprint: of the content.
    """

    argument: str
    raw: Path | None
    name: str
    config: Mapping[str, Any]
    fingerprint: str

    def open(self, workspace: Path) -> PreparedDataset:
        """Return the data: from the workspace's cache, or prepared from what else is there.

        Raises:
            DataError: they are missing, or other data.
        """
        from benchkit.data import cache as prepared_cache
        from benchkit.data.open import open_dataset

        prepared = prepared_cache.find(workspace / "datasets", self.name, self.fingerprint)
        if prepared is None:
            prepared = open_dataset(self.argument, workspace, self.raw, self.config)
        if prepared.fingerprint != self.fingerprint:
            raise DataError(
                f"the data there, {prepared.name}, have the fingerprint "
                f"{prepared.fingerprint[:12]}; the run is on {self.name} with the fingerprint "
                f"{self.fingerprint[:12]}: copy the folder `datasets` of the run to "
                f"{workspace.resolve()}"
            )
        return prepared


@dataclass(frozen=True)
class EvaluationJob:
    """Evaluate a recommender."""

    task: Task
    data: Data


@dataclass(frozen=True)
class SearchJob:
    """Run a search that the run has begun.

    Attributes:
        study: name of its study.
        storage: where that is kept; no log may quote it, it may hold a password.
        jobs: workers that share it.
        data: what it is on.
    """

    study: str
    storage: str = field(repr=False)
    jobs: int
    data: Data


Job = EvaluationJob | SearchJob


@dataclass(frozen=True)
class Parcel(Event):
    """The end of an evaluation: a record with its files.

    Attributes:
        files: content of the files of its folder, by name.
        weights: content of the files of fitted weights that it names.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    weights: Mapping[str, bytes] = field(default_factory=dict)


def pack(out: Path, record: Record) -> Parcel:
    """Return a record that lies in an output folder, and remove it there.

    The weights stay, so that the next fit of the same model need not train.
    """
    folder = record.identity.folder(out)
    weights = store.weights_folder(out, record.identity.dataset["name"])
    parcel = Parcel(
        "done",
        record=record,
        files={path.name: path.read_bytes() for path in folder.iterdir()},
        weights={name: (weights / name).read_bytes() for name in record.weights},
    )
    shutil.rmtree(folder)
    return parcel


def unpack(out: Path, parcel: Parcel) -> None:
    """Write a record into an output folder, whole or not at all, its weights first.

    Raises:
        StorageError: no permission, a full disk.
    """
    assert parcel.record is not None
    identity = parcel.record.identity
    for name, content in parcel.weights.items():
        write_atomically(store.weights_folder(out, identity.dataset["name"]) / name, content)
    with folder_atomically(identity.folder(out)) as folder:
        for name, content in parcel.files.items():
            (folder / name).write_bytes(content)
    store.forget_failure(out, identity)
