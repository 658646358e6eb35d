"""What a run has brought: outcomes, and leaderboards to look at, print or compute with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchkit.analysis.compare import Comparison as RowComparison
from benchkit.analysis.compare import Gain, compare_rows, gains_of
from benchkit.contracts.errors import BenchkitError
from benchkit.evaluation.runs import Outcome
from benchkit.leaderboards import ranks
from benchkit.leaderboards.files import collect, ranks_file, tables_of
from benchkit.leaderboards.published import Comparison
from benchkit.leaderboards.published import compare as compare_published
from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.render import available, pick, sort_rows
from benchkit.leaderboards.render.columns import Column, default_sort, named, shows_intervals
from benchkit.leaderboards.render.columns import diagnostics as diagnostics_of
from benchkit.leaderboards.render.layout import lay_out
from benchkit.leaderboards.render.sheet import Sheet
from benchkit.leaderboards.rows import Row
from benchkit.leaderboards.selection import Wanted, others, select
from benchkit.leaderboards.significance import Significance, significance
from benchkit.leaderboards.tables import Table
from benchkit.toolkit.workspace import leaderboards

if TYPE_CHECKING:
    import polars as pl

    from benchkit.api.planning import Plan


@dataclass(frozen=True)
class Leaderboard:
    """One table of a dataset's results, its rows best first.

    In a notebook it shows itself.

    Attributes:
        table: the table.
        columns: those that are shown.
        out: folder of the leaderboards.
        others: the dataset's other tables, and what each can be had by.
        warnings: one sentence for each file that could not be read.
        comparison: the published figures beside it, where they were asked for.
        by: the column that the rows are sorted by.
        intervals: whether 95 % intervals stand in place of standard deviations.
        ranks: of the records, by key.
    """

    table: Table
    columns: Sequence[Column]
    out: Path
    others: Sequence[tuple[Table, Wanted]] = ()
    warnings: Sequence[str] = ()
    comparison: Comparison | None = None
    by: Column | None = None
    intervals: bool = False
    ranks: Mapping[str, Ranks] = field(default_factory=dict)

    @cached_property
    def significance(self) -> Significance:
        """Which rows can be told from the best of each metric that the truth's rank decides."""
        return significance(self.rows, self.ranks, [c.key for c in self.columns if c.is_metric])

    def compare(
        self, first: str, second: str, *, metrics: Sequence[str] | None = None
    ) -> RowComparison:
        """Return how two rows differ: interval, p, effect, sessions won and lost, groups.

        Args:
            first: label of a row, or name of its recommender.
            second: of another row.
            metrics: with cutoff or without, such as ``hr@10``; None for all that ranks decide.

        Raises:
            BenchkitError: there is no such row, or no ranks of it.
        """
        keys = self.metric_keys(metrics)
        return compare_rows(self.table, first, second, self.ranks, keys)

    def metric_keys(self, names: Sequence[str] | None = None) -> list[str]:
        """Return the keys, ``ndcg@20``, of some metrics of the table.

        Args:
            names: with cutoff or without; None for the usual ones, that which sorts the rows first.

        Raises:
            ConfigError: there is no such metric.
        """
        shown = [column for column in available(self.table) if column.is_metric]
        if names is None:
            first = self.by.key if self.by else ""
            chosen = sorted((c for c in shown if not c.extra), key=lambda c: c.key != first)
        else:
            chosen = [column for name in names for column in named(shown, name.strip(), "metric")]
        return [column.key for column in chosen]

    @property
    def rows(self) -> Sequence[Row]:
        """The rows, best first."""
        return self.table.rows

    def records_of(self, label: str) -> list[Record]:
        """Return the results that a row is made of.

        Raises:
            KeyError: there is no row of that label.
        """
        return list({row.label: row for row in self.rows}[label].runs)

    def ranks_of(self, label: str) -> pl.DataFrame:
        """Return where the truths stood in a row's lists: columns record, session and rank.

        A rank counts from 1 and is 0 where the list lacks the truth; sessions are codes of the
        prepared data. Records whose ranks nobody kept are left out.

        Raises:
            KeyError: there is no row of that label.
        """
        import polars as pl

        parts = [
            pl.DataFrame({"session": own.sessions, "rank": own.ranks}).select(
                pl.lit(record.identity.key).alias("record"), "session", "rank"
            )
            for record in self.records_of(label)
            if (own := self.ranks.get(record.identity.key)) is not None
        ]
        schema = {"record": pl.String, "session": pl.Int32, "rank": pl.Int32}
        return pl.concat(parts) if parts else pl.DataFrame(schema=schema)

    def to_polars(self) -> pl.DataFrame:
        """Return a frame: label, recommender and number of runs, then a column for each metric.

        Values are at full precision; a metric's spread over the runs stands beside it.
        """
        import polars as pl

        lines = []
        for row in self.rows:
            line: dict[str, object] = {
                "label": row.label,
                "recommender": row.recommender,
                "runs": len(row.runs),
            }
            for column in self.columns:
                line[column.key] = column.value(row)
                if column.is_metric:
                    line[f"{column.key} spread"] = row.spread.get(column.key)
            lines.append(line)
        return pl.DataFrame(lines, infer_schema_length=None)

    def sheet(self) -> Sheet:
        """Return what stands where, for renderers."""
        return lay_out(
            self.table,
            self.columns,
            self.comparison,
            self.by,
            self.significance,
            intervals=self.intervals,
        )

    def to_markdown(self) -> str:
        """Return it as GitHub's Markdown."""
        from benchkit.leaderboards.render import markdown

        return markdown.render(self.sheet())

    def to_latex(self) -> str:
        """Return it as a LaTeX table."""
        from benchkit.leaderboards.render import latex

        return latex.render(self.sheet())

    def to_csv(self) -> str:
        """Return it as CSV."""
        return to_csv([self])

    def to_json(self) -> str:
        """Return everything there is to say of it, as JSON."""
        return to_json([self])

    def __str__(self) -> str:
        """Return it as plain text, 80 columns wide."""
        from benchkit.leaderboards.render import terminal

        return terminal.render(self.sheet(), 80, False, "utf-8").plain

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def to_csv(shown: Sequence[Leaderboard]) -> str:
    """Return leaderboards as one CSV document."""
    from benchkit.leaderboards.render import csv

    return csv.render(
        csv.Part(
            board.table,
            board.columns,
            board.comparison or Comparison(),
            board.significance,
            board.intervals,
        )
        for board in shown
    )


def to_json(shown: Sequence[Leaderboard]) -> str:
    """Return one leaderboard as a JSON object, several as a list."""
    from benchkit.leaderboards.render import json

    return json.render([(board.table, board.significance, board.comparison) for board in shown])


def leaderboard(
    dataset: str,
    *,
    out: Path | str | None = None,
    protocol: str | None = None,
    ties: str | None = None,
    data: str | None = None,
    sort: str | None = None,
    columns: str | None = None,
    paper: bool = False,
    diagnostics: bool = False,
) -> Leaderboard:
    """Return a dataset's newest table, or the newest of those that are meant.

    Args:
        dataset: its name.
        out: folder of the leaderboards; None for ``leaderboards`` in the workspace.
        protocol: name, or beginning of the rules, of the table's protocol.
        ties: the table's orders of equal times, such as ``0,1,2``.
        data: beginning of the fingerprint of the table's data.
        sort: column to sort by, best first; None for NDCG@20, or the first metric there is.
        columns: as ``--columns`` takes them, such as ``+seconds``.
        paper: set published figures beside.
        diagnostics: what prompted models' answers were like, in place of metrics (paper Table 7).

    Raises:
        BenchkitError: there are no such results, or there is no such column.
    """
    folder = leaderboards(None if out is None else Path(out))
    results = collect(folder, dataset)
    kept, problem = ranks.read_or_say(ranks_file(folder, dataset))
    warnings = [*results.warnings, *filter(None, [problem])]
    every = present = tables_of(results, folder, dataset, results.warnings)
    if diagnostics:
        present = [table for table in every if any(row.diagnostics for row in table.rows)]
        if not present:
            raise BenchkitError(
                "there is no result of a prompted model; `benchkit list recommenders` shows them, "
                "`benchkit run -r NAME` runs one"
            )
    table = select(present, Wanted(protocol, ties, data))
    beside = others(every, table)
    comparison = compare_published(table) if paper else None
    published = comparison.keys if comparison else ()
    if diagnostics:
        rows = [row for row in table.rows if row.diagnostics]
        table, by = replace(table, rows=rows, failures=[]), None
        comparison = comparison and replace(comparison, about="answers")
        shown = diagnostics_of(table, published)
    else:
        possible = available(table, published)
        by = named(possible, sort)[-1] if sort else default_sort(possible, table.rows)
        table = replace(table, rows=sort_rows(table.rows, by))
        shown = pick(possible, columns)
    return Leaderboard(
        table, shown, folder, beside, warnings, comparison, by, shows_intervals(columns), kept
    )


def relative_gains(
    datasets: Sequence[str | Leaderboard],
    pairs: Sequence[tuple[str, str]],
    *,
    metrics: Sequence[str] | None = None,
    **which: Any,
) -> list[Gain]:
    """Return relative gains of pairs of rows on several datasets, and their mean (paper 7.2).

    Args:
        datasets: their names, or their leaderboards.
        pairs: labels of rows or names of recommenders; the gain is of the first over the second.
        metrics: with cutoff or without; None for NDCG@20.
        which: of names, ``out``, ``protocol``, ``ties`` and ``data``, as `leaderboard` takes them.

    Raises:
        BenchkitError: there is no such row, or no ranks of it.
    """
    boards = [
        leaderboard(dataset, **which) if isinstance(dataset, str) else dataset
        for dataset in datasets
    ]
    # Results that are named twice are no more evidence than once.
    boards = list({board.table.newest.identity.key: board for board in boards}.values())
    keys = dict.fromkeys(
        key for board in boards for key in board.metric_keys(metrics or ["ndcg@20"])
    )
    return gains_of([(board.table, board.ranks) for board in boards], pairs, list(keys))


def table_of(plan: Plan, outcome: Outcome) -> Leaderboard | None:
    """Return the newest table of what a run has evaluated; None where nothing was.

    A recommender with a protocol of its own stands in another table than the rest.
    """
    rules = [record.identity.protocol["rules"] for record in outcome.records]
    if not rules:
        return None
    settings = plan.settings[0]
    own = settings.protocol.rules()
    chosen = own if own in rules else rules[0]
    return leaderboard(plan.prepared.name, out=settings.out, protocol=chosen)
