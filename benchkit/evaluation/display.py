"""What long work shows on standard error: a changing line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchkit.toolkit.progress import on_stderr

# Returns a display, from the number of what is counted; None for a spinner alone.
Show = Callable[["int | None"], "Display"]
# Called with how much is done, and how much there is to do where that is known.
Count = Callable[[int, int | None], None]


class Display:
    """Plain lines, for output that is no terminal; to be used in a ``with`` statement.

    Args:
        write: called with each line.
    """

    def __init__(self, write: Callable[[str], None] = on_stderr) -> None:
        self._write = write

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def line(self, text: str, style: str | None = None) -> None:  # noqa: ARG002
        """Print a line that stays, on a terminal in a style of rich's."""
        self._write(text)

    def step(self, text: str) -> None:
        """Print a line about work that goes on; a terminal shows it as `status`."""
        self.line(text)

    def status(self, text: str) -> None:
        """Show in the changing line what is going on, where there is one."""

    def advance(self) -> None:
        """Count one more as done."""


class Live(Display):
    """A line that changes, below those that stay.

    Args:
        total: of what is counted, which makes it a bar; None for a spinner alone.
    """

    def __init__(self, total: int | None = None) -> None:
        from rich import progress
        from rich.console import Console

        super().__init__()
        bar = (
            progress.BarColumn(bar_width=16),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
        )
        columns = (progress.SpinnerColumn(), *(bar if total is not None else ()), _description())
        self._progress = progress.Progress(
            *columns, console=Console(stderr=True), transient=total is None
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Live:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def line(self, text: str, style: str | None = None) -> None:
        """Print a line that stays."""
        self._progress.console.print(text, style=style, markup=False, highlight=False)

    def step(self, text: str) -> None:
        """Print nothing: the status says it."""

    def status(self, text: str) -> None:
        """Show in the changing line what is going on."""
        self._progress.update(self._task, description=text)

    def advance(self) -> None:
        """Count one more as done."""
        self._progress.advance(self._task)


def display(total: int | None = None) -> Display:
    """Return the display for standard error; `total` as in `Live`."""
    return Live(total) if sys.stderr.isatty() else Display()


def lines_to(write: Callable[[str], None]) -> Show:
    """Return a `Show` of plain lines, each passed to `write`."""
    return lambda _total: Display(write)


def silent() -> Display:
    """Return a display that shows nothing."""
    return Display(lambda _line: None)


@contextmanager
def counting(name: str, unit: str) -> Iterator[Count]:
    """Show how much of something is done: a bar on a terminal, elsewhere a line for every tenth.

    Args:
        name: what is done.
        unit: what is counted: ``bytes``, ``texts``.
    """
    if not sys.stderr.isatty():
        yield _tenths(name, unit)
        return
    from rich import progress
    from rich.console import Console

    amount: tuple[Any, ...] = (progress.MofNCompleteColumn(), progress.TextColumn(unit))
    if unit == "bytes":
        amount = (progress.DownloadColumn(), progress.TransferSpeedColumn())
    columns = (_description(), progress.BarColumn(), *amount, progress.TimeRemainingColumn())
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tenths(name: str, unit: str) -> Count:
    last = 0

    def count(done: int, total: int | None) -> None:
        nonlocal last
        tenth = 10 * done // total if total else done >> 24
        if tenth > last:
            last = tenth
            share = f" of {total:,}" if total else ""
            on_stderr(f"{name}: {done:,}{share} {unit}")

    return count


def _description() -> Any:
    from rich.progress import TextColumn

    return TextColumn("{task.description}", markup=False)
