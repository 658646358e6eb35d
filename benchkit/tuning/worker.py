"""A worker: a process that runs the trials of one search after another, until it is told to end.

It lives as long as the run: what it imports and prepares serves all searches.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from benchkit.data.split import sealed
from benchkit.evaluation.processes import Event, reason_of
from benchkit.tuning.database import why_lost
from benchkit.tuning.heartbeat import Heartbeat
from benchkit.tuning.objective import Objective, sealed_data
from benchkit.tuning.search import Search
from benchkit.tuning.trial import Trials


@dataclass(frozen=True)
class Command:
    """What a worker is to do for a search.

    Attributes:
        search: the search.
        seconds: for how long to run trials, from when the worker has rehearsed; None to estimate
            how long the first one takes.
        failures_from: number of the first trial whose failure counts in a row.
    """

    search: Search
    seconds: float | None = None
    failures_from: int = 0


def work(pipe: Connection) -> None:
    """Do what comes through a pipe, in a process of its own; the test set is sealed."""
    import optuna  # noqa: F401 - before it is ready: a search's time is for searching

    warnings = WarningHandler(pipe.send)
    logging.captureWarnings(True)
    logging.getLogger().addHandler(warnings)
    pipe.send(Event("ready"))
    with sealed():
        while True:
            command: Command = pipe.recv()
            warnings.reset(quiet=command.seconds is None)
            try:
                pipe.send(_do(command, pipe))
            except Exception as error:
                reason = why_lost(error)
                kind = "database lost" if reason else "broken"
                pipe.send(Event(kind, reason or reason_of(error)))


class WarningHandler(logging.Handler):
    """Passes on warnings of components, each line of code once a search.

    Args:
        send: called with each warning.
    """

    def __init__(self, send: Callable[[Event], None]) -> None:
        super().__init__(logging.WARNING)
        self._send, self._quiet = send, False
        self._sources: set[str] = set()

    def reset(self, *, quiet: bool) -> None:
        """Forget earlier warnings; an estimate is `quiet`, for the search repeats its warnings."""
        self._quiet = quiet
        self._sources.clear()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on a warning, in one line."""
        text = record.getMessage().strip().partition("\n")[0]
        # Python's own come from one line of code, and begin with the one that they are about.
        python = record.name == "py.warnings"
        source = text.partition("Warning: ")[0] if python else f"{record.pathname}:{record.lineno}"
        if not self._quiet and source not in self._sources:
            self._sources.add(source)
            self._send(Event("warning", text, source))


def _do(command: Command, pipe: Connection) -> Event:
    task, config = command.search.task, command.search.space.base
    data = sealed_data(
        task.settings.workspace,
        task.identity.dataset["name"],
        task.identity.dataset["fingerprint"],
        task.settings.protocol,
        task.identity.protocol["fingerprint"],
    )
    objective = Objective(task, data)
    objective.rehearse(config)
    pipe.send(Event("rehearsed"))
    if command.seconds is None:
        return Event("estimate", seconds=objective.estimate(config))
    until = time.monotonic() + command.seconds
    with Heartbeat(command.search.heartbeats) as heartbeat:
        trials = Trials(
            command.search,
            command.search.study(),
            objective,
            heartbeat,
            command.failures_from,
            lambda kind, number: pipe.send(Event(kind, trial=number)),
        )
        while (reason := trials.run_one(until - time.monotonic())) is None:
            pass
    return Event("stopped", reason)
