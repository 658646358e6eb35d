"""`benchkit leaderboard merge` and `check`: leaderboards of others, verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from benchkit.cli.options import out_option
from benchkit.toolkit.texts import visible

if TYPE_CHECKING:
    from benchkit.leaderboards.merging import Verified

_Command = TypeVar("_Command", bound=Callable[..., object])


def _sources(command: _Command) -> _Command:
    return click.argument(
        "sources",
        nargs=-1,
        required=True,
        metavar="FILE|DIR...",
        type=click.Path(path_type=Path, exists=True),
    )(command)


@click.command()
@_sources
@out_option
def merge(sources: tuple[Path, ...], out: Path) -> int:
    """Join the records and ranks of leaderboards with those in --out.

    FILE is a <dataset>.jsonl, whose ranks lie beside it; DIR a folder of leaderboards. What cannot
    be true is named and left out; FILE and DIR stay as they are. Of two records of one run, the one
    with ranks counts, else the last that was asked for. The order of merging does not matter, and
    merging again changes nothing. Exit code 1: something was named.
    """
    from benchkit.api import merge

    return _say(merge(sources, out=out), f"{visible(out)} holds")


@click.command()
@_sources
def check(sources: tuple[Path, ...]) -> int:
    """Verify records and ranks, and write nothing.

    Computed again are keys, the digests of protocols and, from the ranks, each metric that the
    truth's rank decides. Several FILEs and DIRs are also held against each other, as merge
    would. A record of other code than that installed here is a note. Exit code 1: something is
    wrong.
    """
    from benchkit.api import check

    return _say(check(sources), "verified")


def _say(verified: Verified, what: str) -> int:
    for sentence in verified.findings:
        click.echo(visible(sentence))
    for note in verified.notes:
        click.echo(f"Note: {visible(note)}")
    for dataset, count in verified.records.items():
        tested = verified.tested[dataset]
        click.echo(
            f"{visible(dataset)}: {what} {count} record{'' if count == 1 else 's'}, "
            f"the metrics of {tested} computed again from ranks"
        )
    return 1 if verified.findings else 0
