"""From records to tables: rows of different data or protocol never share one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchkit.contracts.protocol import Ties
from benchkit.leaderboards.record import TUNED, Failure, Identity, Record
from benchkit.leaderboards.rows import (
    FailedRow,
    Key,
    Row,
    average,
    current,
    labels,
    missing,
    overrides_of,
    ties_order,
)


@dataclass(frozen=True)
class Table:
    """Rows that may stand side by side: same data, same rules, same orders of equal timestamps.

    Attributes:
        newest: the run that ended last, or was asked for again, of those with a result if any has.
        ties: orders of equal timestamps that every row was run with.
        fingerprints: of the protocol, by ties.
        rows: by label; whoever shows them sorts them.
        failures: runs that ended without a result, of recommenders with a row and without.
    """

    newest: Record | Failure
    ties: Sequence[Ties]
    fingerprints: Mapping[str, str]
    rows: Sequence[Row]
    failures: Sequence[FailedRow]

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return str(self.newest.identity.dataset["name"])

    @property
    def data(self) -> dict[str, Any]:
        """Fingerprint of the data, whether they are synthetic, family and configuration."""
        return {k: v for k, v in self.newest.identity.dataset.items() if k != "name"}

    @property
    def protocol(self) -> dict[str, Any]:
        """Name of the protocol, test share, ``rules``, ties and the ``fingerprints`` by ties."""
        own = {k: v for k, v in self.newest.identity.protocol.items() if k != "fingerprint"}
        return {**own, "ties": list(self.ties), "fingerprints": dict(self.fingerprints)}

    @property
    def revision(self) -> int:
        """Revision of the protocol's meaning; tables older than the field are of the first."""
        return int(self.protocol.get("revision", 1))

    @property
    def prompts(self) -> int:
        """Number of prompts of the newest run; each row has its own."""
        return self.newest.prompts if isinstance(self.newest, Record) else 0

    @property
    def split(self) -> Mapping[str, Any]:
        """What the split of the newest run did."""
        return self.newest.split if isinstance(self.newest, Record) else {}

    @property
    def created(self) -> str:
        """When the newest run ended, or was asked for again."""
        return self.newest.latest

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "dataset": self.dataset,
            "protocol": self.protocol,
            "rows": [row.as_dict() for row in self.rows],
            "failures": [row.as_dict() for row in self.failures],
            "data": self.data,
            "prompts": self.prompts,
            "split": self.split,
            "created": self.created,
        }


def tables(records: Iterable[Record], failures: Iterable[Failure] = ()) -> list[Table]:
    """Return all tables, newest first; leave-one-out behind those that split by time, and those
    over some of the prompts behind those over all.

    Those without a single row come last.

    There is one for each set of tie orders that some row was run with, holding every row that
    was run with all of them.

    Args:
        records: all results, the newest of a row counts.
        failures: runs that ended without one.
    """
    made = [table for group in _groups(records, failures) for table in _tables_of(group)]
    return sorted(made, key=_rank, reverse=True)


@dataclass(frozen=True)
class _Group:
    """Runs on the same data by the same rules."""

    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def _groups(records: Iterable[Record], failures: Iterable[Failure]) -> Iterable[_Group]:
    groups: dict[tuple[str, ...], _Group] = {}
    for record in records:
        groups.setdefault(_group(record.identity), _Group()).records.append(record)
    for failure in failures:
        groups.setdefault(_group(failure.identity), _Group()).failures.append(failure)
    return groups.values()


def _group(identity: Identity) -> tuple[str, ...]:
    data = identity.dataset
    order = identity.protocol["fingerprint"] if identity.ties == "file" else ""
    return data["name"], data["fingerprint"], identity.protocol["rules"], order


def _rank(table: Table) -> tuple[bool, int, bool, bool, str, int]:
    by_time = table.protocol["name"] != "leave-one-out"
    whole = table.protocol.get("max_prompts") is None
    return bool(table.rows), table.revision, whole, by_time, table.created, len(table.ties)


def _tables_of(group: _Group) -> list[Table]:
    rows = current(group.records)
    sets = {frozenset(run.identity.ties for run in runs) for runs in rows.values()}
    failed = frozenset(run.identity.ties for run in group.failures).difference(*sets)
    every = (_table(rows, group.failures, ties) for ties in (*sets, failed) if ties)
    return [table for table in every if table is not None]


def _table(
    rows: Mapping[Key, Sequence[Record]], failures: Iterable[Failure], ties: frozenset[Ties]
) -> Table | None:
    """Return the table over some tie orders, None where nothing is to be shown."""
    chosen = {
        key: [run for run in runs if run.identity.ties in ties]
        for key, runs in rows.items()
        if ties <= {run.identity.ties for run in runs}
    }
    failed = missing(chosen, [failure for failure in failures if failure.identity.ties in ties])
    runs: list[Record | Failure] = [run for part in chosen.values() for run in part]
    runs += [failure for part in failed.values() for failure in part]
    if not runs:
        return None
    averages = {key: average(records) for key, records in chosen.items()}
    names = labels(
        {key: overrides_of(part[-1]) for key, part in failed.items()}
        | {key: row.overrides for key, row in averages.items()}
    )
    for key, row in averages.items():
        if row.search_failed:
            names[key] = names[key].replace(f"[{TUNED}]", "[preset]")
    prints = {str(run.identity.ties): run.identity.protocol["fingerprint"] for run in runs}
    return Table(
        newest=max(runs, key=lambda run: (isinstance(run, Record), run.latest)),
        ties=sorted(ties, key=ties_order),
        fingerprints=dict(sorted(prints.items())),
        rows=sorted(
            (replace(row, label=names[key]) for key, row in averages.items()),
            key=lambda row: row.label,
        ),
        failures=sorted(
            (
                FailedRow(names[key], part, max(part, key=lambda run: run.created).reason)
                for key, part in failed.items()
            ),
            key=lambda row: row.label,
        ),
    )
