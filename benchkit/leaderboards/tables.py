"""From records to tables: rows of different data or protocol never share one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from benchkit.contracts.protocol import Ties
from benchkit.leaderboards.failed import FailedRow, failed_row, missing
from benchkit.leaderboards.record import TUNED, Failure, Identity, Record
from benchkit.leaderboards.rows import (
    Key,
    Row,
    average,
    current,
    in_vain,
    key_of_row,
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

    @property
    def revision(self) -> int:
        """Revision of the protocol's meaning; tables older than the field are of the first."""
        return int(self.protocol.get("revision", 1))

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def tables(
    records: Iterable[Record],
    failures: Iterable[Failure] = (),
    elsewhere: Iterable[Table] = (),
) -> list[Table]:
    """Return all tables, newest first; leave-one-out behind those that split by time, and those
    over some of the prompts behind those over all.

    Those without a single row come last.

    There is one for each set of tie orders that some row was run with, holding every row that
    was run with all of them.

    Args:
        records: all results here, the newest of a row counts.
        failures: runs that ended without one.
        elsewhere: tables of other machines; their runs are averaged with those here of the same
            code, and replaced by those of other code.
    """
    groups: dict[tuple[str, ...], _Group] = {}
    for record in records:
        groups.setdefault(_group(record.identity), _Group()).records.append(record)
    for failure in failures:
        groups.setdefault(_group(failure.identity), _Group()).failures.append(failure)
    for table in elsewhere:
        groups.setdefault(_group_of(table), _Group()).elsewhere.append(table)
    found = [table for group in groups.values() for table in _tables_of(group)]
    return sorted(found, key=_rank, reverse=True)


@dataclass(frozen=True)
class _Group:
    """What is known of the same data and rules."""

    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    elsewhere: list[Table] = field(default_factory=list)


def _rank(table: Table) -> tuple[bool, int, bool, bool, str, int]:
    by_time = table.protocol["name"] != "leave-one-out"
    whole = table.protocol.get("max_prompts") is None
    return bool(table.rows), table.revision, whole, by_time, table.created, len(table.ties)


def _group(identity: Identity) -> tuple[str, ...]:
    data = identity.dataset
    order = identity.protocol["fingerprint"] if identity.protocol["ties"] == "file" else ""
    return data["name"], data["fingerprint"], identity.protocol["rules"], order


def _group_of(table: Table) -> tuple[str, ...]:
    order = table.protocol["fingerprints"].get("file", "")
    return table.dataset, table.data["fingerprint"], table.protocol["rules"], order


def _tables_of(group: _Group) -> list[Table]:
    rows = current(group.records)
    sets = {frozenset(ties_of(run) for run in runs) for runs in rows.values()}
    # a run over several orders writes a table of the first ones, too: that is no other machine's
    theirs = {
        frozenset(table.ties): table for table in group.elsewhere if _others(table, group.records)
    }
    lost = frozenset(ties_of(run) for run in group.failures).difference(*sets, *theirs)
    every = (*sets | set(theirs), *([lost] if lost else []))
    found = (_table(rows, group, ties, theirs.get(ties)) for ties in every)
    return [table for table in found if table.rows or table.failures]


def _table(
    rows: Mapping[Key, Sequence[Record]],
    group: _Group,
    ties: frozenset[Ties],
    theirs: Table | None,
) -> Table:
    """Return the table over some tie orders.

    Args:
        rows: the runs that count, by row.
        group: what is known of these data and rules.
        ties: the tie orders.
        theirs: the same table of other machines, if there is one.
    """
    chosen = {
        key: [run for run in runs if ties_of(run) in ties]
        for key, runs in rows.items()
        if ties <= {ties_of(run) for run in runs}
    }
    lost = missing(chosen, [failure for failure in group.failures if ties_of(failure) in ties])
    others = _others(theirs, group.records)
    found = others | {
        key: average(runs, others[key].each if key in others else ())
        for key, runs in chosen.items()
    }
    overrides = {key: overrides_of(failures[-1]) for key, failures in lost.items()}
    names = labels({**overrides, **{key: row.overrides for key, row in found.items()}})
    names |= {key: _as_preset(names[key]) for key, row in found.items() if in_vain(row)}
    labelled = [replace(row, label=names[key]) for key, row in found.items()]
    failed = [failed_row(names[key], failures) for key, failures in lost.items()]
    runs: list[Record | Failure] = [run for part in chosen.values() for run in part]
    runs += [failure for part in lost.values() for failure in part]
    return _assemble(runs, ties, labelled, failed, theirs)


def _others(theirs: Table | None, records: Iterable[Record]) -> dict[Key, Row]:
    """Return the rows of other machines, without those that were made from records here alone."""
    here = {record.identity.key for record in records}
    rows = theirs.rows if theirs else ()
    return {key_of_row(row): row for row in rows if not here.issuperset(row.records)}


def _as_preset(label: str) -> str:
    return label.replace(f"[{TUNED}]", "[preset]")


def _assemble(
    runs: Sequence[Record | Failure],
    ties: frozenset[Ties],
    rows: Sequence[Row],
    failed: Sequence[FailedRow],
    theirs: Table | None,
) -> Table:
    rows = sorted(rows, key=lambda row: row.label)
    failed = sorted(failed, key=lambda row: row.label)
    if theirs and not any(isinstance(run, Record) for run in runs):
        return replace(theirs, rows=rows, failures=failed)
    newest = max(runs, key=lambda run: (isinstance(run, Record), run.latest))
    data = newest.identity.dataset
    protocol = {k: v for k, v in newest.identity.protocol.items() if k not in _PER_TIES}
    prints = dict(theirs.protocol["fingerprints"]) if theirs else {}
    prints |= {str(ties_of(run)): run.identity.protocol["fingerprint"] for run in runs}
    return Table(
        dataset=data["name"],
        protocol={
            **protocol,
            "ties": sorted(ties, key=ties_order),
            "fingerprints": dict(sorted(prints.items())),
        },
        rows=rows,
        failures=failed,
        data={name: value for name, value in data.items() if name != "name"},
        prompts=newest.prompts if isinstance(newest, Record) else 0,
        split=newest.split if isinstance(newest, Record) else {},
        created=max(newest.latest, theirs.created if theirs else ""),
    )
