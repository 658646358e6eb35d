"""Which of a dataset's tables is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from benchkit.contracts.errors import ConfigError
from benchkit.contracts.protocol import parse_ties
from benchkit.leaderboards.rows import ties_order
from benchkit.leaderboards.tables import Table


@dataclass(frozen=True)
class Wanted:
    """What the options ask for; None asks for nothing.

    Attributes:
        protocol: its name, or the beginning of its ``rules``.
        ties: as ``--ties`` takes them; the table's are exactly these.
        data: beginning of the fingerprint.
    """

    protocol: str | None = None
    ties: str | None = None
    data: str | None = None

    def fits(self, table: Table) -> bool:
        """Return whether a table is one of those that are wanted."""
        protocol = table.protocol
        return (
            (self.data is None or str(table.data["fingerprint"]).startswith(self.data))
            and (self.ties is None or set(parse_ties(self.ties)) == set(table.ties))
            and (
                self.protocol is None
                or self.protocol == protocol["name"]
                or (len(self.protocol) > 3 and protocol["rules"].startswith(self.protocol))
            )
        )

    def __str__(self) -> str:
        """Return the options."""
        values = {"protocol": self.protocol, "ties": self.ties, "data": self.data}
        return " ".join(f"--{name} {value}" for name, value in values.items() if value is not None)


def select(tables: Sequence[Table], wanted: Wanted) -> Table:
    """Return the first table that fits.

    Raises:
        ConfigError: none does; the message says what there is.
    """
    for table in tables:
        if wanted.fits(table):
            return table
    present = "; ".join(dict.fromkeys(str(exactly(table)) for table in tables))
    raise ConfigError(f"no table of {tables[0].dataset} fits {wanted}; there are: {present}")


def exactly(table: Table) -> Wanted:
    """Return the options that a table can be chosen by, all of them."""
    ties = ",".join(map(str, sorted(table.ties, key=ties_order)))
    return Wanted(str(table.protocol["name"]), ties, str(table.data["fingerprint"])[:8])


def shortest(tables: Sequence[Table], table: Table) -> Wanted:
    """Return the fewest options with which `select` finds a table."""
    full = exactly(table)
    by_rules = replace(full, protocol=str(table.protocol["rules"])[:8])
    names = ("ties", "protocol", "data")
    for options in (full, by_rules):
        for number in range(len(names) + 1):
            for left_out in combinations(reversed(names), len(names) - number):
                wanted = replace(options, **dict.fromkeys(left_out))
                if select(tables, wanted) is table:
                    return wanted
    return by_rules


def others(tables: Sequence[Table], table: Table) -> list[tuple[Table, Wanted]]:
    """Return the other tables, each with the fewest options that `select` finds it by."""
    return [(other, shortest(tables, other)) for other in tables if other is not table]
