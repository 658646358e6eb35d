"""A table as its page shows it: every column there is, which of them at first, and what for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.render import available, sort_rows
from benchkit.leaderboards.render.columns import Column, default_sort
from benchkit.leaderboards.render.layout import lay_out
from benchkit.leaderboards.render.sheet import Sheet
from benchkit.leaderboards.rows import Row
from benchkit.leaderboards.significance import Significance, rank_metrics, significance
from benchkit.leaderboards.tables import Table
from benchkit.report.pairs import pairs
from benchkit.toolkit.texts import visible

# More rows than anybody reads in a browser; other formats have them all.
MOST_ROWS = 500
_COSTS = ("seconds", "fit-seconds", "recommend-seconds", "search-seconds", "memory", "cost")


def _seconds(row: Row) -> float:
    return fmean(run.seconds["fit"] + run.seconds["recommend"] for run in row.runs)


# No column of the table, which has both parts; an axis of the picture.
_SECONDS = Column("seconds", "Fit and recommend s", "", _seconds, "{:.1f}".format, better=-1)


@dataclass(frozen=True)
class Shown:
    """One table of a page.

    Attributes:
        heading: what tells it from the dataset's other tables.
        table: its rows in the order shown, the first of them alone where there are very many.
        columns: all there are.
        usual: keys of those that are shown at first.
        sheet: cells, marks, caption and notes.
        intervals: the sheet with 95 % intervals.
        significance: what can be told apart.
        by: the column that rows are sorted by at first.
        left_out: how many rows are not shown.
    """

    heading: str
    table: Table
    columns: Sequence[Column]
    usual: set[str]
    sheet: Sheet
    intervals: Sheet
    significance: Significance
    by: Column | None
    left_out: int

    @property
    def rows(self) -> Sequence[Row]:
        """The rows, best first."""
        return self.table.rows

    @property
    def choices(self) -> dict[str, list[tuple[str, str, bool]]]:
        """What columns are chosen by: metrics, cutoffs and facts, and which are on at first."""
        metrics: dict[str, tuple[str, str, bool]] = {}
        cutoffs: dict[str, tuple[str, str, bool]] = {}
        for column in filter(lambda column: column.is_metric, self.columns):
            name, _, cutoff = column.key.rpartition("@")
            metrics.setdefault(name, (name, column.heading, not column.extra))
            on = bool(self.by and self.by.group == column.group)
            cutoffs.setdefault(cutoff, (cutoff, cutoff, on))
        facts = [(c.key, c.heading, False) for c in self.columns if not c.is_metric]
        ordered = sorted(metrics.values(), key=lambda choice: not choice[2])
        return {"metrics": ordered, "cutoffs": list(cutoffs.values()), "facts": facts}

    def direction(self, column: Column) -> str:
        """Return how rows are sorted by a column at first, as ``aria-sort`` says it."""
        if self.by is None or column.key != self.by.key:
            return "none"
        return "ascending" if column.better < 0 else "descending"

    def facts_of_cell(self, key: str, label: str) -> str:
        """Return what a test says of a cell, "" where there is none."""
        test = self.significance.tests.get(key)
        if test is None or label not in test.p:
            return ""
        low, high = test.intervals[label]
        interval = f"95 % interval {low:.4f} to {high:.4f}"
        if label == test.best:
            return f"the best of those tested; {interval}"
        return f"p = {test.p[label]:.3g} against {visible(test.best)}; {interval}"

    def plain(self) -> dict[str, Any]:
        """Return what the page's script needs, as plain data."""
        labels = [row.label for row in self.rows]
        return {
            "labels": [visible(label) for label in labels],
            "columns": [_plain_column(column) for column in (*self.columns, _SECONDS)],
            "values": [
                [column.value(row) for column in (*self.columns, _SECONDS)] for row in self.rows
            ],
            "by": None if self.by is None else self.by.key,
            "axes": self._axes(),
            "pairs": pairs(self.significance, labels),
        }

    def _axes(self) -> list[str]:
        """Return the columns that accuracy may be set against, where two rows differ in them.

        They are costs, and metrics of the lists that the truth's rank does not decide.
        """
        costs = [column for column in (_SECONDS, *self.columns) if column.key in _COSTS]
        metrics = [column for column in self.columns if column.is_metric and column.better]
        by_rank = rank_metrics([column.key for column in metrics])
        others = [column for column in metrics if column.key not in by_rank]
        return [
            column.key
            for column in (*costs, *others)
            if len({v for row in self.rows if isinstance(v := column.value(row), (int, float))}) > 1
        ]


def show(table: Table, heading: str, kept: Mapping[str, Ranks]) -> Shown:
    """Return a table with its best rows first.

    Args:
        table: the table.
        heading: what tells it from the dataset's other tables.
        kept: ranks by the key of their record.
    """
    columns = [column for column in available(table) if _has_value(column, table)]
    by = default_sort(columns, table.rows)
    tested = significance(table.rows, kept, [c.key for c in columns if c.is_metric])
    rows = sort_rows(table.rows, by)
    cut = replace(table, rows=rows[:MOST_ROWS])
    return Shown(
        heading=heading,
        table=cut,
        columns=columns,
        usual=_usual(columns, by),
        sheet=lay_out(cut, columns, None, by, tested),
        intervals=lay_out(cut, columns, None, by, tested, intervals=True),
        significance=tested,
        by=by,
        left_out=len(rows) - len(cut.rows),
    )


def _has_value(column: Column, table: Table) -> bool:
    failed = any(column.key in row.failed_metrics for row in table.rows)
    return failed or any(column.value(row) not in (None, "") for row in table.rows)


def _usual(columns: Sequence[Column], by: Column | None) -> set[str]:
    """Return the usual metrics at the cutoff that rows are sorted by."""
    group = by.group if by else ""
    return {column.key for column in columns if column.group == group and not column.extra}


def _plain_column(column: Column) -> dict[str, Any]:
    return {
        "key": column.key,
        "name": column.name,
        "better": column.better,
        "metric": column.is_metric,
        "decimals": len(column.show(0.5).partition(".")[2]),
        "bare": column.show(0.5).startswith("."),
    }
