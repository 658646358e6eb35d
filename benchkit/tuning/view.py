"""What a search looks like from outside: live on a terminal, else plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from benchkit.evaluation.settings import Frozen
from benchkit.toolkit.progress import on_stderr
from benchkit.toolkit.times import show_time
from benchkit.tuning.ledger import Ledger
from benchkit.tuning.messages import News
from benchkit.tuning.search import Search

_BARS = "▁▂▃▄▅▆▇█"
_SPARKS = 16
# Seconds between two lines about a search where there is no terminal.
_PAUSE = 30.0


def watcher(searches: int) -> Lines:
    """Return who shows the searches of a run."""
    return Live(searches) if sys.stderr.isatty() else Lines(searches)


class Lines:
    """Plain lines: one when a search begins, one when it ends, and a few in between."""

    def __init__(self, searches: int, say: Callable[[str], None] = on_stderr) -> None:
        self.total, self.number, self._say = searches, 0, say
        self._name, self._until, self._said = "", 0.0, 0.0
        self._warned: set[str] = set()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, search: Search, ledger: Ledger, seconds: float) -> None:
        """Say that a search begins, and what it has from earlier runs."""
        self._name, self._until = search.recommender, time.monotonic() + seconds
        self._said = time.monotonic()
        self._warned.clear()
        earlier = f", {ledger.counted} trials from earlier runs" if ledger.counted else ""
        parameters = len(search.space.ranges)
        word = "parameter" if parameters == 1 else "parameters"
        self._say(
            f"{self._place()} {self._name}: searching {parameters} {word} for at most "
            f"{show_time(seconds)}{earlier}"
        )

    def estimating(self, searches: int) -> None:
        """Say that the time of trials is estimated before any search begins."""
        self._say(f"Estimating what a trial of {searches} recommenders takes")

    def placed(self, search: Search, where: str) -> None:
        """Say on which machine a search begins or goes on."""
        self._say(f"{search.recommender}: searching on {where}")

    def tell(self, ledger: Ledger, news: News) -> None:
        """Show how it stands, now and then, and each warning once."""
        if news.kind == "warning" and news.source not in self._warned:
            self._warned.add(news.source)
            self._say(f"Warning: {self._name}: {news.text}")
        if news.kind == "end" and time.monotonic() - self._said > _PAUSE:
            self._said = time.monotonic()
            self._say(f"{self._place()} {self.standing(ledger)}")

    def end(self, search: Search, frozen: Frozen, *, kept: bool) -> None:
        """Say what a search has come to."""
        line = f"{self._place()} {summary(search.recommender, frozen)}"
        self.number += 1
        self._say(f"{line}{' (kept from an earlier run)' if kept else ''}")

    def standing(self, ledger: Ledger) -> str:
        """Return in one line how a search stands."""
        best = "no value yet" if ledger.best is None else f"best {ledger.best.value:.4f}"
        left = show_time(max(0.0, self._until - time.monotonic()))
        return (
            f"{self._name}: {ledger.counted} trials, {best} {sparkline(ledger.values)} {left} left"
        )

    def _place(self) -> str:
        return f"[search {self.number + 1}/{self.total}]"


class Silent(Lines):
    """Nothing: whoever asked for the search shows it elsewhere."""

    def __init__(self) -> None:
        super().__init__(1)


class Live(Lines):
    """One line that changes, and one that stays for each search that has ended."""

    def __init__(self, searches: int) -> None:
        super().__init__(searches, self._print)
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn

        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self.line = self.progress.add_task("")

    def __enter__(self) -> Live:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def begin(self, search: Search, ledger: Ledger, seconds: float) -> None:
        """Show a search that begins."""
        self._name, self._until = search.recommender, time.monotonic() + seconds
        self._warned.clear()
        self.tell(ledger, News("report"))

    def tell(self, ledger: Ledger, news: News) -> None:
        """Show how it stands."""
        if news.kind == "warning":
            super().tell(ledger, news)
        room = self.progress.console.width - 3
        text = f"[{self.number + 1}/{self.total}] {self.standing(ledger)}"
        self.progress.update(self.line, description=text[:room])

    def estimating(self, searches: int) -> None:
        """Show that the time of trials is estimated."""
        text = f"estimating what a trial of {searches} recommenders takes"
        self.progress.update(self.line, description=text)

    def _print(self, line: str) -> None:
        self.progress.console.print(line, markup=False, highlight=False)


def summary(name: str, frozen: Frozen) -> str:
    """Return in one line what a search has come to."""
    search = frozen.search
    counts = ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in search["trials"].items() if n)
    best = search["best"]
    found = (
        "no trial finished, so its preset is evaluated"
        if best is None
        else f"best {best['value']:.4f} in trial {best['trial']}"
    )
    ended = f"; ended: {search['ended']}" if search["ended"] else ""
    if search.get("failure") and search["failure"] not in ended:
        ended += f"; the last failure: {search['failure']}"
    return f"{name}: {found} ({counts or 'no trials'}, {show_time(search['seconds'])}){ended}"


def sparkline(values: Sequence[float]) -> str:
    """Return the last values as little bars, from their lowest to their highest."""
    shown = list(values)[-_SPARKS:]
    if not shown:
        return ""
    low, span = min(shown), (max(shown) - min(shown)) or 1.0
    return "".join(_BARS[int((value - low) / span * (len(_BARS) - 1) + 0.5)] for value in shown)
