"""Progress of a transfer: a bar on a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Report = Callable[[int, int | None], None]


@contextmanager
def reporting(name: str) -> Iterator[Report]:
    """Give a function that is told the bytes that are there and those there will be."""
    if not sys.stderr.isatty():
        yield _lines(name)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)

        def report(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield report


def _lines(name: str) -> Report:
    told = -1

    def report(done: int, total: int | None) -> None:
        nonlocal told
        tenth = 10 * done // total if total else done >> 24
        if tenth > told:
            told = tenth
            share = f" of {total:,}" if total else ""
            click.echo(f"{name}: {done:,}{share} bytes", err=True)

    return report
