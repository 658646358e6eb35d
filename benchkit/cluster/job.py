"""Jobs for a machine of a cluster, and their results: plain data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import DataError
from benchkit.evaluation.pipeline import Task
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


@dataclass(frozen=True)
class Reply:
    """What happens to a job: `evaluation.jobs.Event` without its task.

    Attributes:
        kind: as there, or ``refused``: the job cannot be the same on that machine.
        text: one line.
        details: a traceback.
        parcel: the record of an evaluation.
    """

    kind: Literal["start", "stage", "report", "done", "failed", "refused"]
    text: str = ""
    details: str = ""
    parcel: Parcel | None = None


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
