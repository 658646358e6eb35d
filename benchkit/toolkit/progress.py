"""Progress of a job that takes minutes or hours."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from benchkit.toolkit.times import show_time

_EVERY = 60.0  # seconds


def on_stderr(line: str) -> None:
    """Print a line on standard error at once."""
    print(line, file=sys.stderr, flush=True)


class ProgressReporter:
    """Reports, once a minute at most, how much is done: how much is left is anybody's guess.

    Answers that are sampled together end together, so the first ones say nothing of the others.

    Args:
        report: told a line.
        what: what is counted, and what has become of it: ``prompts answered``.
        before: how much a process that was killed has done already.
    """

    def __init__(self, report: Callable[[str], None], what: str, before: int = 0) -> None:
        self._report, self._what, self._before = report, what, before
        self._begun = self._told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Say how many of how many, where the last line is a minute old and this is not the end."""
        now = time.monotonic()
        if now - self._told >= _EVERY and done < total:
            self._told = now
            took = show_time(now - self._begun)
            ours = f", {done - self._before:,} of them" if self._before else ""
            self._report(f"{done:,} of {total:,} {self._what}{ours} in {took}")
