"""`benchkit list`: the installed components."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from benchkit import DISTRIBUTION
from benchkit.cli.options import format_option
from benchkit.components.describe import Facts, overview, printable
from benchkit.components.registry import Registry, registry
from benchkit.contracts.component import KINDS

if TYPE_CHECKING:
    from rich.table import Table


@click.command("list")
@click.argument(
    "kind", required=False, type=click.Choice([f"{kind}s" for kind in KINDS]), metavar="[KIND]"
)
@format_option("text", "json")
def list_(kind: str | None, style: str) -> None:
    """List the installed components: what each is, where it is described, who brings it.

    KIND: datasets, embedders, reducers, recommenders or metrics. Who brings each is said
    where not all come with benchkit.

    Plugins that were left out are reported on standard error.
    """
    plugins = registry()
    warn(plugins)
    rows = overview(plugins, kind.removesuffix("s") if kind else None)
    if style == "json":
        click.echo(json.dumps(rows, indent=2))
    else:
        _print(rows, [kind] if kind else [f"{kind}s" for kind in KINDS])


def warn(plugins: Registry) -> None:
    """Report on standard error which plugins were left out and why."""
    for problem in plugins.problems:
        click.echo(f"Warning: {printable(problem)}", err=True)


def _print(rows: Sequence[Facts], kinds: Sequence[str]) -> None:
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    for kind in kinds:
        members = [row for row in rows if f"{row['kind']}s" == kind]
        console.print(f"{kind.capitalize()} ({len(members)})", style="bold")
        if members:
            console.print(_table(members, console.is_terminal, console.width))
        console.print()


def _table(rows: Sequence[Facts], boxed: bool, width: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if boxed else None, pad_edge=False, expand=True)
    table.add_column("Name", overflow="fold", style="cyan", max_width=max(26, width // 6))
    table.add_column("What it is", overflow="fold", ratio=1)
    table.add_column("Source", overflow="fold", max_width=max(14, width // 4))
    if strangers := any(row["distribution"] != DISTRIBUTION for row in rows):
        table.add_column("From", overflow="fold", max_width=max(14, width // 4))
    for row in rows:
        what = Text(row["headline"])
        if row["unavailable"]:
            what.append(f"\nCannot run here: {row['unavailable']}", style="yellow")
        origin = [Text(f"{row['distribution']} {row['version']}")] if strangers else []
        table.add_row(row["name"], what, Text(row["source"]), *origin)
    return table
