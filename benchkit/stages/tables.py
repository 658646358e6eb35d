"""From records to tables: rows of different data or protocol never share one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchkit.protocol import Ties
from benchkit.stages.failed import FailedRow, failed_row, missing
from benchkit.stages.record import TUNED, Failure, Identity, Record
from benchkit.stages.rows import (
    Key,
    Row,
    average,
    current,
    in_vain,
    labels,
    overrides_of,
    ties_of,
    ties_order,
)

# Fields of a protocol that differ between the runs of one table.
_PER_TIES = ("ties", "fingerprint")


@dataclass(frozen=True)
class Table:
    """Rows that may stand side by side: same data, same rules, same orders of equal timestamps.

    Attributes:
        dataset: name.
        protocol: name, test share, ``rules``, ties and the ``fingerprints`` by ties.
        rows: by label; whoever shows them sorts them.
        failures: runs that ended without a result, of recommenders with a row and without.
        data: fingerprint, whether synthetic, family and configuration of the dataset.
        prompts: number of prompts of the newest run; each row has its own.
        split: what the split of the newest run did.
        created: when the newest run ended, or was asked for again.
    """

    dataset: str
    protocol: Mapping[str, Any]
    rows: Sequence[Row]
    failures: Sequence[FailedRow]
    data: Mapping[str, Any]
    prompts: int
    split: Mapping[str, Any]
    created: str

    @property
    def ties(self) -> list[Ties]:
        """Orders of equal timestamps that every row was run with."""
        return list(self.protocol["ties"])

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def tables(records: Iterable[Record], failures: Iterable[Failure] = ()) -> list[Table]:
    """Return all tables, newest first; leave-one-out behind those that split by time, and those
    over some of the prompts behind those over all.

    Those without a single row come last.

    There is one for each set of tie orders that some row was run with, holding every row that
    was run with all of them.
    """
    groups: dict[tuple[str, ...], tuple[list[Record], list[Failure]]] = {}
    for record in records:
        groups.setdefault(_group(record.identity), ([], []))[0].append(record)
    for failure in failures:
        groups.setdefault(_group(failure.identity), ([], []))[1].append(failure)
    found = [table for group in groups.values() for table in _tables_of(*group)]
    return sorted(found, key=_rank, reverse=True)


def _rank(table: Table) -> tuple[bool, bool, bool, str, int]:
    by_time = table.protocol["name"] != "leave-one-out"
    whole = table.protocol.get("max_prompts") is None
    return bool(table.rows), whole, by_time, table.created, len(table.ties)


def _group(identity: Identity) -> tuple[str, ...]:
    data = identity.dataset
    return data["name"], data["fingerprint"], identity.protocol["rules"]


def _tables_of(records: Sequence[Record], failures: Sequence[Failure]) -> list[Table]:
    rows = current(records)
    sets = {frozenset(ties_of(run) for run in runs) for runs in rows.values()}
    lost = frozenset(ties_of(run) for run in failures).difference(*sets)
    return [_table(rows, failures, ties) for ties in (*sets, *([lost] if lost else []))]


def _table(
    rows: Mapping[Key, Sequence[Record]], failures: Sequence[Failure], ties: frozenset[Ties]
) -> Table:
    chosen = {
        key: [run for run in runs if ties_of(run) in ties]
        for key, runs in rows.items()
        if ties <= {ties_of(run) for run in runs}
    }
    lost = missing(chosen, [failure for failure in failures if ties_of(failure) in ties])
    overrides = {key: overrides_of(found[-1]) for key, found in lost.items()}
    names = labels({**overrides, **{key: overrides_of(runs[-1]) for key, runs in chosen.items()}})
    names |= {key: _not_tuned(names[key]) for key, runs in chosen.items() if in_vain(runs[-1])}
    averaged = [replace(average(runs), label=names[key]) for key, runs in chosen.items()]
    failed = [failed_row(names[key], found) for key, found in lost.items()]
    runs: list[Record | Failure] = [run for part in chosen.values() for run in part]
    runs += [failure for part in lost.values() for failure in part]
    return _assemble(runs, ties, averaged, failed)


def _not_tuned(label: str) -> str:
    return label.replace(f"[{TUNED}]", "[not tuned]")


def _assemble(
    runs: Sequence[Record | Failure],
    ties: frozenset[Ties],
    rows: Sequence[Row],
    failed: Sequence[FailedRow],
) -> Table:
    newest = max(runs, key=lambda run: (isinstance(run, Record), run.latest))
    data = newest.identity.dataset
    protocol = {k: v for k, v in newest.identity.protocol.items() if k not in _PER_TIES}
    prints = {str(ties_of(run)): run.identity.protocol["fingerprint"] for run in runs}
    return Table(
        dataset=data["name"],
        protocol={
            **protocol,
            "ties": sorted(ties, key=ties_order),
            "fingerprints": dict(sorted(prints.items())),
        },
        rows=sorted(rows, key=lambda row: row.label),
        failures=sorted(failed, key=lambda row: row.label),
        data={name: value for name, value in data.items() if name != "name"},
        prompts=newest.prompts if isinstance(newest, Record) else 0,
        split=newest.split if isinstance(newest, Record) else {},
        created=newest.latest,
    )
