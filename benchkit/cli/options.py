"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchkit.contracts.errors import ConfigError
from benchkit.contracts.protocol import PROTOCOLS
from benchkit.toolkit.workspace import leaderboards


def whole_numbers(
    example: str, at_least: int
) -> Callable[[click.Context, click.Parameter, str | None], tuple[int, ...]]:
    """Return what reads an option's whole numbers, separated by commas, ascending."""

    def read(
        context: click.Context, parameter: click.Parameter, text: str | None
    ) -> tuple[int, ...]:
        if text is None:
            return ()
        try:
            numbers = tuple(sorted({int(part) for part in text.split(",")}))
        except ValueError:
            numbers = ()
        if not numbers or numbers[0] < at_least:
            raise click.BadParameter(
                f"takes whole numbers from {at_least}, such as {example}; not {text!r}",
                context,
                parameter,
            )
        return numbers

    return read


def recommenders_option(help: str) -> Callable[..., Any]:
    """Return the option that names recommenders, as the argument ``names``."""
    return click.option("-r", "--recommender", "names", multiple=True, metavar="NAME", help=help)


_USUAL_CUTOFFS = (10, 20)  # always there, so that all rows can stand in one table
_cutoffs = whole_numbers("5,50", at_least=1)
cutoffs_option = click.option(
    "--k",
    "cutoffs",
    metavar="K[,K...]",
    callback=lambda *arguments: tuple(sorted({*_USUAL_CUTOFFS, *_cutoffs(*arguments)})),
    help="Cutoffs of the metrics, besides 10 and 20.",
)
protocol_option = click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default="paper",
    show_default=True,
    help="Evaluation protocol.",
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    callback=lambda _context, _parameter, value: leaderboards(value),
    help="Folder of the leaderboards.  [default: leaderboards]",
)
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="NAME.PARAM=VALUE", help="Set a parameter."
)
raw_option = click.option(
    "--raw",
    type=click.Path(path_type=Path),
    help="Folder of the raw files.  [default: datasets/NAME/raw, else a generated sample]",
)


def format_option(*styles: str) -> Callable[..., Any]:
    """Return the option that chooses among formats, the first by default, as ``style``."""
    kind = click.Choice(styles)
    return click.option("--format", "style", type=kind, default=styles[0], show_default=True)


def folder_option(name: str, help: str) -> Callable[..., Any]:
    """Return an option that names a folder to write into."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option(name, type=kind, metavar="DIR", help=help)


def read_assignments(texts: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Read ``NAME.PARAM=VALUE`` texts into values by name.

    Raises:
        ConfigError: a text is none.
    """
    values: dict[str, dict[str, str]] = {}
    for text in texts:
        target, equals, value = text.partition("=")
        name, dot, parameter = target.rpartition(".")
        if not (equals and dot and name and parameter):
            raise ConfigError(f"--set takes NAME.PARAM=VALUE, such as sknn.k=200; not {text!r}")
        values.setdefault(name, {})[parameter] = value
    return values
