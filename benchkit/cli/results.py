"""What commands that show results share: which datasets have some, and which table is meant."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click

from benchkit.contracts.errors import BenchkitError, ConfigError, unknown_name
from benchkit.leaderboards.files import Collected, collect, datasets
from benchkit.leaderboards.render.sheet import Sheet
from benchkit.leaderboards.selection import Wanted
from benchkit.leaderboards.tables import Table
from benchkit.toolkit.texts import visible

_Command = TypeVar("_Command", bound=Callable[..., object])
_Shown = TypeVar("_Shown")


def wanted_options(command: _Command) -> _Command:
    """Add the options that say which of a dataset's tables is meant."""
    for add in (
        click.option(
            "--data", metavar="FINGERPRINT", help="Only tables of these data (its beginning)."
        ),
        click.option(
            "--ties", metavar="SEED[,SEED...]|file", help="Only the table over these ties."
        ),
        click.option("--protocol", metavar="NAME", help="Only tables of this protocol."),
    ):
        command = add(command)
    return command


def results_of(out: Path, dataset: str | None, *, here: bool = True) -> list[str]:
    """Return the datasets to show.

    Args:
        out: folder of the leaderboards.
        dataset: the one that is wanted; None for all.
        here: only those with records of this machine.

    Raises:
        BenchkitError: there are no results, or none of that dataset.
    """
    names = datasets(out, here=here)
    if not names:
        lacking = "kept lists" if here else "results"
        raise BenchkitError(
            f"there are no {lacking} in {out} yet; `benchkit run --all --dataset "
            f"{dataset or 'NAME'}` makes some, `benchkit list datasets` shows the names"
        )
    if dataset is None:
        return names
    if dataset in names:
        return [dataset]
    # A generated sample is called after its original: steam-sample.
    longer = [name for name in names if name.startswith(f"{dataset}-")]
    hint = f"did you mean {' or '.join(longer)}?" if longer else ""
    unknown = unknown_name("dataset", dataset, names).partition("; ")[2]
    raise BenchkitError(f"there are no results for dataset {dataset!r} in {out}; {hint or unknown}")


def of_each(datasets: Sequence[str], show: Callable[[str], _Shown]) -> list[_Shown]:
    """Return what `show` returns for each of several datasets, saying which are left out, and why.

    Raises:
        BenchkitError: all are.
    """
    shown, problems = [], {}
    for dataset in datasets:
        try:
            shown.append(show(dataset))
        except BenchkitError as error:
            problems[dataset] = error
    if not shown:
        raise next(iter(problems.values()))
    for dataset, problem in problems.items():
        click.echo(f"Left out: {visible(f'{dataset}: {problem}')}", err=True)
    return shown


def collected(out: Path, dataset: str, *, here: bool = False) -> Collected:
    """Return a dataset's records and failures; what cannot be read is said on standard error.

    Args:
        out: folder of the leaderboards.
        dataset: its name.
        here: only those of this machine, which have lists.
    """
    results = collect(out, dataset, here=here)
    for warning in results.warnings:
        click.echo(f"Warning: {visible(warning)}", err=True)
    return results


def only(results: Collected, names: Sequence[str]) -> Collected:
    """Return the results of some recommenders; of all without names.

    Raises:
        ConfigError: one of them has none.
    """
    if not names:
        return results
    present = {record.identity.recommender["name"] for record in results.records}
    for name in names:
        if name not in present:
            raise ConfigError(
                f"there are no lists of it: {unknown_name('recommender', name, present)}"
            )
    return replace(
        results,
        records=[run for run in results.records if run.identity.recommender["name"] in names],
        failures=[run for run in results.failures if run.identity.recommender["name"] in names],
    )


def say_others(command: str, dataset: str, tables: Sequence[tuple[Table, Wanted]]) -> None:
    """Print on standard error how to see a dataset's other tables."""
    if tables:
        click.echo(f"Other tables of {visible(dataset)}:", err=True)
    for table, options in tables:
        rows = f"{len(table.rows)} row{'' if len(table.rows) == 1 else 's'}"
        line = f"  benchkit {command} {dataset} {options}".rstrip()
        click.echo(visible(f"{line}  ({rows}, {table.created[:10]})"), err=True)


def print_sheets(sheets: Iterable[Sheet]) -> None:
    """Print tables as wide as the terminal, a blank line between them."""
    from rich.console import Console

    from benchkit.leaderboards.render import terminal

    console = Console(highlight=False)
    styled = console.is_terminal and console.color_system is not None
    for place, sheet in enumerate(sheets):
        if place:
            console.print()
        text = terminal.render(sheet, console.width, styled, console.encoding)
        console.print(text, soft_wrap=True)


def write(content: str) -> None:
    """Print a document; it is UTF-8 wherever the terminal's encoding lacks its characters."""
    try:
        content.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        click.echo(content.encode())
    else:
        click.echo(content)
