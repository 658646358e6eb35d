"""How searches go, in lines for a person."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchkit.evaluation.display import Display
from benchkit.evaluation.processes import Event
from benchkit.evaluation.settings import Tuned
from benchkit.toolkit.times import show_time
from benchkit.tuning.ledger import Ledger
from benchkit.tuning.search import Search

_BARS = "▁▂▃▄▅▆▇█"
_SPARKS = 16
# Seconds between two lines about a search where there is no terminal.
_PAUSE = 30.0


class SearchProgress:
    """Shows the searches of a run: one that begins, how it stands, and its result."""

    def __init__(self, searches: int, display: Display) -> None:
        self.total, self.ended = searches, 0
        self.display = display
        self._name, self._until, self._printed = "", 0.0, 0.0
        self._warned: set[str] = set()

    def begin(self, search: Search, ledger: Ledger, seconds: float) -> None:
        """Show that a search begins, how many seconds it has, and what it has of earlier runs."""
        self._name, self._until = search.recommender, time.monotonic() + seconds
        self._printed = time.monotonic()
        self._warned.clear()
        earlier = f", {ledger.counted} trials from earlier runs" if ledger.counted else ""
        parameters = len(search.space.ranges)
        word = "parameter" if parameters == 1 else "parameters"
        self.display.step(
            f"{self._number} {self._name}: searching {parameters} {word} for at most "
            f"{show_time(seconds)}{earlier}"
        )
        self.display.status(f"{self._number} {self._state(ledger)}")

    def estimating(self, searches: int) -> None:
        """Show that the time of trials is estimated before any search begins."""
        text = f"Estimating what a trial of {searches} recommenders takes"
        self.display.step(text)
        self.display.status(text)

    def placed(self, search: Search, machine: str) -> None:
        """Show on which machine a search begins or goes on."""
        self.display.line(f"{search.recommender}: searching on {machine}")

    def update(self, ledger: Ledger, event: Event) -> None:
        """Show how the search stands, and each warning once."""
        if event.kind == "warning" and event.details not in self._warned:
            self._warned.add(event.details)
            self.display.line(f"Warning: {self._name}: {event.text}")
        state = f"{self._number} {self._state(ledger)}"
        self.display.status(state)
        if event.kind == "end" and time.monotonic() - self._printed > _PAUSE:
            self._printed = time.monotonic()
            self.display.step(state)

    def end(self, search: Search, result: Tuned, *, kept: bool) -> None:
        """Show the result of a search; `kept` if an earlier run had finished it."""
        line = f"{self._number} {summary(search.recommender, result)}"
        self.ended += 1
        self.display.line(f"{line}{' (kept from an earlier run)' if kept else ''}")

    @property
    def _number(self) -> str:
        return f"[search {self.ended + 1}/{self.total}]"

    def _state(self, ledger: Ledger) -> str:
        best = "no value yet" if ledger.best is None else f"best {ledger.best.value:.4f}"
        left = show_time(max(0.0, self._until - time.monotonic()))
        return (
            f"{self._name}: {ledger.counted} trials, {best} {sparkline(ledger.values)} {left} left"
        )


def summary(name: str, result: Tuned) -> str:
    """Return the result of a search in one line."""
    search = result.search
    counts = ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in search["trials"].items() if n)
    best = (
        "no trial finished, so its preset is evaluated"
        if search["best"] is None
        else f"best {search['best']['value']:.4f} in trial {search['best']['trial']}"
    )
    ended = f"; ended: {search['ended']}" if search["ended"] else ""
    if search.get("failure") and search["failure"] not in ended:
        ended += f"; the last failure: {search['failure']}"
    return f"{name}: {best} ({counts or 'no trials'}, {show_time(search['seconds'])}){ended}"


def sparkline(values: Sequence[float]) -> str:
    """Return the last values as little bars, from their lowest to their highest."""
    shown = list(values)[-_SPARKS:]
    if not shown:
        return ""
    low, span = min(shown), (max(shown) - min(shown)) or 1.0
    return "".join(_BARS[int((value - low) / span * (len(_BARS) - 1) + 0.5)] for value in shown)
