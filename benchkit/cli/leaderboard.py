"""`benchkit leaderboard`: show what runs have found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from benchkit.cli.options import out_option
from benchkit.cli.results import (
    collected,
    of_each,
    others,
    print_sheets,
    results_of,
    say_others,
    tables_of,
    wanted_options,
    write,
)
from benchkit.contracts.errors import BenchkitError
from benchkit.leaderboards.published import Comparison, compare
from benchkit.leaderboards.render import available, pick, sort_rows
from benchkit.leaderboards.render.columns import Column, default_sort, named
from benchkit.leaderboards.render.columns import diagnostics as diagnostics_of
from benchkit.leaderboards.render.layout import lay_out
from benchkit.leaderboards.render.sheet import Sheet
from benchkit.leaderboards.selection import Wanted, select
from benchkit.leaderboards.tables import Table

FORMATS = ("rich", "markdown", "csv", "latex", "json")


@dataclass(frozen=True)
class _Shown:
    """A table as it was asked for."""

    table: Table
    columns: Sequence[Column]
    comparison: Comparison | None
    others: Sequence[str]
    by: Column | None = None


@click.command()
@click.argument("dataset", required=False)
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Best first by this column, such as hr@10; otherwise by ndcg@20, or the first metric at "
    "the largest cutoff.",
)
@click.option("--format", "style", type=click.Choice(FORMATS), default="rich", show_default=True)
@click.option(
    "--columns",
    metavar="[+]COLUMN[,...]",
    help="Metrics with or without @k, seconds, search-seconds, trials (done/pruned/failed), "
    "memory, cost, version, ties, seeds; a leading + adds to the usual ones. JSON always has "
    "everything.",
)
@click.option(
    "--paper",
    is_flag=True,
    help="Set the published figures beside ours, with --columns +trials those of searches too.",
)
@click.option(
    "--diagnostics",
    is_flag=True,
    help="What the answers of prompted models were like, instead of the metrics (paper Table 7).",
)
@wanted_options
@out_option
def leaderboard(
    dataset: str | None,
    sort: str | None,
    style: str,
    columns: str | None,
    paper: bool,
    diagnostics: bool,
    protocol: str | None,
    ties: str | None,
    data: str | None,
    out: Path,
) -> None:
    """Show the leaderboard of DATASET, or of every dataset that has results.

    Rows of different data, protocol or ties never share a table; the newest is shown, and how
    to see the others is said on standard error.

    \b
    benchkit leaderboard
    benchkit leaderboard beauty --paper
    benchkit leaderboard beauty --columns +seconds,memory --sort seconds
    """
    wanted = Wanted(protocol, ties, data)

    def show(name: str) -> _Shown:
        if diagnostics:
            return _diagnosed(out, name, wanted, paper)
        return _show(out, name, wanted, sort, columns, paper)

    _print(of_each(results_of(out, dataset, here=False), show), style)


def print_leaderboard(out: Path, dataset: str, rules: str) -> None:
    """Print a dataset's newest table of a protocol, as its `rules` name it, on the terminal.

    Raises:
        BenchkitError: nothing has been run on it.
    """
    shown = _show(
        out, results_of(out, dataset, here=False)[0], Wanted(rules), None, None, paper=False
    )
    _print([shown], "rich")


def _show(
    out: Path, dataset: str, wanted: Wanted, sort: str | None, columns: str | None, paper: bool
) -> _Shown:
    every = tables_of(collected(out, dataset), out, dataset)
    table = select(every, wanted)
    comparison = compare(table) if paper else None
    there = available(table, comparison.keys if comparison else ())
    by = named(there, sort)[-1] if sort else default_sort(there, table.rows)
    ranked = replace(table, rows=sort_rows(table.rows, by))
    return _Shown(ranked, pick(there, columns), comparison, others("leaderboard", every, table), by)


def _diagnosed(out: Path, dataset: str, wanted: Wanted, paper: bool) -> _Shown:
    """Return the rows of prompted models with what their answers were like.

    Raises:
        BenchkitError: there are none.
    """
    every = tables_of(collected(out, dataset), out, dataset)
    asked = [table for table in every if any(row.diagnostics for row in table.rows)]
    if not asked:
        raise BenchkitError(
            "there is no result of a prompted model; `benchkit list recommenders` shows them, "
            "`benchkit run -r NAME` runs one"
        )
    table = select(asked, wanted)
    rows = [row for row in table.rows if row.diagnostics]
    part = replace(table, rows=rows, failures=[])
    comparison = replace(compare(table), about="answers") if paper else None
    columns = diagnostics_of(part, comparison.keys if comparison else ())
    return _Shown(part, columns, comparison, others("leaderboard", every, table))


def _print(shown: Sequence[_Shown], style: str) -> None:
    """Print tables, then on standard error how to see others."""
    _print_tables(shown, style)
    for each in shown:
        say_others(each.table.dataset, each.others)


def _print_tables(shown: Sequence[_Shown], style: str) -> None:
    if style == "rich":
        print_sheets(map(_sheet, shown))
        return
    from benchkit.leaderboards.render import csv, json, latex, markdown

    if style == "json":
        write(json.render([(each.table, each.comparison) for each in shown]))
    elif style == "csv":
        parts = [(each.table, each.columns, each.comparison or Comparison()) for each in shown]
        write(csv.render(parts).removesuffix("\n"))
    else:
        render = markdown.render if style == "markdown" else latex.render
        write("\n\n".join(render(_sheet(each)) for each in shown))


def _sheet(shown: _Shown) -> Sheet:
    return lay_out(shown.table, shown.columns, shown.comparison, shown.by)
