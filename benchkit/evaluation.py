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
from benchkit.stages.split import Split, temporal_split
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
                splits = {key: _split(record)}
            yield remeasure(identity.folder(out), record, *splits[key], cutoffs), ""
        except BenchkitError as error:
            yield record, str(error)


def _split(record: Record) -> tuple[PreparedDataset, Split]:
    about = record.identity
    prepared = load_prepared(workspace(), about.dataset["name"], about.dataset["fingerprint"])
    protocol = Protocol(
        about.protocol["name"], about.protocol["ties"], about.protocol["test_share"]
    )
    return prepared, temporal_split(prepared, protocol)
