"""What a machine of a cluster is told, and what it answers: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchkit.cluster.parcel import Parcel
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import DataError
from benchkit.evaluation.pipeline import Task


@dataclass(frozen=True)
class Data:
    """The data that a job is on, and where a machine may find them.

    Attributes:
        given: name or TOML file, as the user gave it.
        raw: folder of the raw files, where the user gave one.
        name: as shown everywhere.
        config: the dataset's configuration.
        fingerprint: of the content.
    """

    given: str
    raw: Path | None
    name: str
    config: Mapping[str, Any]
    fingerprint: str

    def find(self, workspace: Path) -> PreparedDataset:
        """Return the data: from the workspace's cache, or made of what else is there.

        Raises:
            DataError: they are not there, or others are.
        """
        from benchkit.data import cache as prepared_cache
        from benchkit.data.open import open_dataset

        found = prepared_cache.find(workspace / "datasets", self.name, self.fingerprint)
        if found is None:
            found = open_dataset(self.given, workspace, self.raw, self.config)
        if found.fingerprint != self.fingerprint:
            raise DataError(
                f"the data there, {found.name}, have the fingerprint {found.fingerprint[:12]}; the "
                f"run is on {self.name} with the fingerprint {self.fingerprint[:12]}: copy the "
                f"folder `datasets` of the run to {workspace.resolve()}"
            )
        return found


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a recommender."""

    task: Task
    data: Data


@dataclass(frozen=True)
class Conduct:
    """Conduct a search that the run has begun.

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


Order = Evaluate | Conduct


@dataclass(frozen=True)
class Reply:
    """What a job tells.

    Attributes:
        kind: ``start`` (where, in `text`), ``stage``, ``report``, as in `jobs.Event`; at the
            end ``done``, ``failed``, or ``refused``: it cannot be the same there.
        text: one line.
        details: a traceback.
        parcel: what an evaluation has made.
    """

    kind: Literal["start", "stage", "report", "done", "failed", "refused"]
    text: str = ""
    details: str = ""
    parcel: Parcel | None = None
