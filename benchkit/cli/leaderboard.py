"""`benchkit leaderboard`: show what runs have found."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from benchkit.cli.options import out_option
from benchkit.errors import BenchkitError, unknown_name
from benchkit.stages.collect import collect, datasets
from benchkit.stages.published import Comparison, compare
from benchkit.stages.render import available, pick, sort_rows
from benchkit.stages.render.columns import Column, default_sort, named
from benchkit.stages.render.layout import Sheet, lay_out
from benchkit.stages.render.text import visible
from benchkit.stages.selection import Wanted, select, shortest
from benchkit.stages.tables import Table, tables

FORMATS = ("rich", "markdown", "csv", "latex", "json")


@dataclass(frozen=True)
class _Shown:
    """A table as it was asked for."""

    table: Table
    columns: Sequence[Column]
    comparison: Comparison | None
    others: Sequence[str]


@click.command()
@click.argument("dataset", required=False)
@click.option("--sort", metavar="COLUMN", help="Best first by this column, such as ndcg@20.")
@click.option("--format", "style", type=click.Choice(FORMATS), default="rich", show_default=True)
@click.option(
    "--columns",
    metavar="[+]COLUMN[,...]",
    help="Metrics with or without @k, seconds, memory, cost, version, ties, seeds; "
    "a leading + adds to the usual ones. JSON always has everything.",
)
@click.option("--paper", is_flag=True, help="Set the published figures beside ours.")
@click.option("--protocol", metavar="NAME", help="Only tables of this protocol.")
@click.option("--ties", metavar="SEED[,SEED...]|file", help="Only the table over these ties.")
@click.option("--data", metavar="FINGERPRINT", help="Only tables of these data (its beginning).")
@out_option
def leaderboard(
    dataset: str | None,
    sort: str | None,
    style: str,
    columns: str | None,
    paper: bool,
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
    names = _names(out, dataset)
    shown = [_show(out, name, wanted, sort, columns, paper) for name in names]
    _print(shown, style)


def print_leaderboard(out: Path, dataset: str) -> None:
    """Print a dataset's newest table on the terminal.

    Raises:
        BenchkitError: nothing has been run on it.
    """
    shown = _show(out, _names(out, dataset)[0], Wanted(), None, None, paper=False)
    _print([shown], "rich")


def _names(out: Path, dataset: str | None) -> list[str]:
    """Return the datasets to show.

    Raises:
        BenchkitError: there are no results, or none of that dataset.
    """
    known = datasets(out)
    if not known:
        raise BenchkitError(
            f"there are no results in {out} yet; `benchkit run --all --dataset "
            f"{dataset or 'NAME'}` makes some, `benchkit list datasets` shows the names"
        )
    if dataset is None:
        return known
    if dataset in known:
        return [dataset]
    # A generated sample is called after its original: steam-sample.
    longer = [name for name in known if name.startswith(f"{dataset}-")]
    hint = f"did you mean {' or '.join(longer)}?" if longer else ""
    unknown = unknown_name("dataset", dataset, known).partition("; ")[2]
    raise BenchkitError(f"there are no results for dataset {dataset!r} in {out}; {hint or unknown}")


def _show(
    out: Path, dataset: str, wanted: Wanted, sort: str | None, columns: str | None, paper: bool
) -> _Shown:
    found = collect(out, dataset)
    for warning in found.warnings:
        click.echo(f"Warning: {visible(warning)}", err=True)
    every = tables(found.records, found.failures)
    if not every:
        raise BenchkitError(
            f"no result for {dataset} in {out} can be used; "
            f"`benchkit run --all --dataset {dataset}` makes new ones"
        )
    table = select(every, wanted)
    there = available(table)
    by = named(there, sort)[-1] if sort else default_sort(there)
    ranked = replace(table, rows=sort_rows(table.rows, by))
    comparison = compare(table) if paper else None
    return _Shown(ranked, pick(there, columns), comparison, _others(every, table))


def _others(every: Sequence[Table], chosen: Table) -> list[str]:
    """Return how to see each of the other tables."""
    return [
        f"  benchkit leaderboard {table.dataset} {shortest(every, table)}".rstrip()
        + f"  ({len(table.rows)} row{'' if len(table.rows) == 1 else 's'}, {table.created[:10]})"
        for table in every
        if table is not chosen
    ]


def _print(shown: Sequence[_Shown], style: str) -> None:
    """Print tables, then on standard error how to see others."""
    _print_tables(shown, style)
    for each in shown:
        if each.others:
            click.echo(f"Other tables of {visible(each.table.dataset)}:", err=True)
        for line in each.others:
            click.echo(visible(line), err=True)


def _print_tables(shown: Sequence[_Shown], style: str) -> None:
    if style == "rich":
        for place, each in enumerate(shown):
            _print_styled(each, blank=place > 0)
        return
    from benchkit.stages.render import csv, json, latex, markdown

    if style == "json":
        _write(json.render([(each.table, each.comparison) for each in shown]))
    elif style == "csv":
        parts = [(each.table, each.columns, each.comparison or Comparison()) for each in shown]
        _write(csv.render(parts).removesuffix("\n"))
    else:
        render = markdown.render if style == "markdown" else latex.render
        _write("\n\n".join(render(_sheet(each)) for each in shown))


def _print_styled(shown: _Shown, blank: bool) -> None:
    from rich.console import Console

    from benchkit.stages.render import terminal

    console = Console(highlight=False)
    styled = console.is_terminal and console.color_system is not None
    text = terminal.render(_sheet(shown), console.width, styled, console.encoding)
    if blank:
        console.print()
    console.print(text, soft_wrap=True)


def _sheet(shown: _Shown) -> Sheet:
    return lay_out(shown.table, shown.columns, shown.comparison)


def _write(content: str) -> None:
    """Print a document; it is UTF-8 wherever the terminal's encoding lacks its characters."""
    try:
        content.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        click.echo(content.encode())
    else:
        click.echo(content)
