"""Metrics of everything that earlier runs kept, computed again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import BenchkitError, StorageError
from benchkit.contracts.protocol import Protocol
from benchkit.data.open import load_prepared
from benchkit.data.split import Split, split_sessions
from benchkit.evaluation.measure import measure_all, metric_sources
from benchkit.leaderboards import store
from benchkit.leaderboards.record import Identity, Record
from benchkit.leaderboards.store import DamagedRecordError
from benchkit.toolkit.workspace import workspace


def remeasure(
    folder: Path,
    record: Record,
    prepared: PreparedDataset,
    split: Split,
    cutoffs: Sequence[int],
) -> Record:
    """Compute all installed metrics again from a record's kept lists and return the new record.

    It is cut where the record was, and at `cutoffs`.

    Raises:
        DamagedRecordError: the lists cannot be used.
        StorageError: the record cannot be written.
    """
    lists, _, truth = store.read_lists(folder, record)
    if not np.array_equal(truth, split.test.truth):
        raise DamagedRecordError(folder, f"{folder} holds the lists of other prompts")
    names = (*record.metrics, *record.failed_metrics)
    cuts = {record.identity.depth, *cutoffs, *(int(name.rpartition("@")[2]) for name in names)}
    measured = measure_all(lists, split, prepared, sorted(cuts))
    renewed = replace(
        record,
        metrics=measured.summaries,
        failed_metrics=measured.failed,
        metric_sources=metric_sources(),
    )
    store.rewrite_metrics(folder, renewed, measured.values)
    return renewed


def evaluate_kept(
    out: Path, kept: Iterable[Record], cutoffs: Sequence[int]
) -> Iterator[tuple[Record, str]]:
    """Measure kept lists again and yield each record with what went wrong, "" if nothing did.

    Args:
        out: folder of the leaderboards.
        kept: the records, of any datasets.
        cutoffs: where to cut, besides where each record did; deeper than a record's lists is
            reported, not guessed.
    """
    splits: dict[str, tuple[PreparedDataset, Split]] = {}
    for record in kept:
        about = record.identity
        if max(cutoffs, default=0) > about.depth:
            wanted = max(cutoffs)
            yield record, f"its lists hold {about.depth} items; run again with --k {wanted}"
            continue
        key = f"{about.dataset['fingerprint']}/{about.protocol['fingerprint']}"
        try:
            if key not in splits:
                splits = {key: split_of(record)}
            yield _renewed(out, about, *splits[key], cutoffs), ""
        except BenchkitError as error:
            yield record, str(error)


def _renewed(
    out: Path, about: Identity, prepared: PreparedDataset, split: Split, cutoffs: Sequence[int]
) -> Record:
    """Measure a record again, as it is now: a run may have changed it since it was collected."""
    with store.lock(out, about):
        record = store.find(out, about)
        if record is None:
            raise StorageError(f"{about.folder(out)} no longer exists")
        return remeasure(about.folder(out), record, prepared, split, cutoffs)


def split_of(record: Record) -> tuple[PreparedDataset, Split]:
    """Return the data that a record is of, and their split.

    Raises:
        DataError: the prepared data are not in the workspace.
    """
    about = record.identity
    prepared = load_prepared(
        workspace(), about.dataset["name"], about.dataset["fingerprint"], about.protocol
    )
    return prepared, split_sessions(prepared, Protocol.of(about.protocol))
