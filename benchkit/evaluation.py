"""Metrics anew over everything that earlier runs kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchkit.contracts.dataset import PreparedDataset
from benchkit.errors import BenchkitError
from benchkit.pipeline import remeasure
from benchkit.protocol import Protocol
from benchkit.stages import record as records
from benchkit.stages.prepare import load_prepared
from benchkit.stages.record import Record
from benchkit.stages.split import Split, split_sessions
from benchkit.workspace import workspace


def evaluate_kept(
    out: Path, dataset: str | None, names: Sequence[str], cutoffs: Sequence[int]
) -> Iterator[tuple[Record, str]]:
    """Measure kept lists anew and yield each record with what went wrong, "" if nothing did.

    Args:
        out: folder of the leaderboards.
        dataset: only records of this dataset; all when None.
        names: only these recommenders; all when empty.
        cutoffs: where to cut; deeper than a record's lists is reported, not guessed.
    """
    splits: dict[str, tuple[PreparedDataset, Split]] = {}
    for record in records.records(out, dataset):
        identity = record.identity
        if names and identity.recommender["name"] not in names:
            continue
        if max(cutoffs) > identity.depth:
            yield record, f"its lists hold {identity.depth} items; run again with --k"
            continue
        key = f"{identity.dataset['fingerprint']}/{identity.protocol['fingerprint']}"
        try:
            if key not in splits:
                splits = {key: split_of(record)}
            yield remeasure(identity.folder(out), record, *splits[key], cutoffs), ""
        except BenchkitError as error:
            yield record, str(error)


def split_of(record: Record) -> tuple[PreparedDataset, Split]:
    """Return the data that a record is of, and their split.

    Raises:
        DataError: the prepared data are not in the workspace.
    """
    about = record.identity
    prepared = load_prepared(workspace(), about.dataset["name"], about.dataset["fingerprint"])
    return prepared, split_sessions(prepared, Protocol.of(about.protocol))
