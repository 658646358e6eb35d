"""Leaderboards of several machines, and other places that keep experiments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchkit.contracts.errors import BenchkitError
from benchkit.leaderboards import merging
from benchkit.leaderboards.files import collect
from benchkit.leaderboards.merging import Verified
from benchkit.toolkit.workspace import leaderboards

if TYPE_CHECKING:
    from benchkit.leaderboards.mlflow_runs import Exported


def merge(sources: Sequence[Path | str], *, out: Path | str | None = None) -> Verified:
    """Join leaderboards with those of a folder, as `benchkit leaderboard merge` does.

    Args:
        sources: their files ``<dataset>.jsonl``, with the ranks beside them, or their folders.
        out: folder to join them in; None for ``leaderboards`` in the workspace.

    Raises:
        BenchkitError: a source is neither; nothing is written.
        StorageError: the files cannot be written.
    """
    folder = leaderboards(None if out is None else Path(out))
    return merging.merge([Path(source) for source in sources], folder)


def check(sources: Sequence[Path | str]) -> Verified:
    """Return what is wrong with leaderboards, as `benchkit leaderboard check` does.

    Args:
        sources: as `merge` takes them.

    Raises:
        BenchkitError: a source is neither.
    """
    return merging.check([Path(source) for source in sources])


def export(
    dataset: str,
    *,
    out: Path | str | None = None,
    tracking_uri: str | None = None,
    experiment: str | None = None,
) -> Exported:
    """Make a run in MLflow of each record of a dataset that has none.

    Args:
        dataset: its name.
        out: folder of the leaderboards; None for ``leaderboards`` in the workspace.
        tracking_uri: MLflow's server or store; None for MLflow's own setting.
        experiment: name in MLflow; None for ``benchkit`` and the dataset.

    Raises:
        UnavailableError: MLflow is not installed.
        BenchkitError: there are no records, or the server cannot be reached or refuses.
    """
    from benchkit.leaderboards import mlflow_runs

    folder = leaderboards(None if out is None else Path(out))
    records = collect(folder, dataset).records
    if not records:
        raise BenchkitError(f"there are no records of {dataset} in {folder}")
    return mlflow_runs.export(records, folder, experiment or f"benchkit {dataset}", tracking_uri)
