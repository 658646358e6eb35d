"""`benchkit plugin`: help for authors of plugins."""

from __future__ import annotations

from pathlib import Path

import click

from benchkit.contracts.component import KINDS


@click.group()
def plugin() -> None:
    """Write a new plugin."""


@plugin.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="recommender",
    show_default=True,
    help="What the plugin provides.",
)
@click.option(
    "--dir",
    "target",
    type=click.Path(path_type=Path),
    help="Folder to write; new or empty.  [default: benchkit-NAME]",
)
def new(name: str, kind: str, target: Path | None) -> None:
    """Write a third-party project that provides component NAME, with tests.

    \b
    benchkit plugin new my-model
    benchkit plugin new long-tail --kind metric --dir work/long-tail
    """
    from benchkit.components.scaffold import new_plugin

    folder = new_plugin(name, kind, target)
    click.echo(f"{folder} is a working {kind} plugin. Next:")
    click.echo(f"  pip install -e '{folder}[test]'")
    click.echo(f"  benchkit show {name}")
    click.echo(f"  pytest '{folder}'")
