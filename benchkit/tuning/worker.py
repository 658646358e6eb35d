"""A worker: a process that runs the trials of one search after another, until it is told to end.

It lives as long as the run: what it imports and prepares serves all searches.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Literal

from benchkit.data.split import sealed
from benchkit.evaluation.processes import reason_of
from benchkit.tuning.database import why_lost
from benchkit.tuning.heartbeat import Heartbeat
from benchkit.tuning.objective import Objective, sealed_data
from benchkit.tuning.search import Search
from benchkit.tuning.trial import Trials


@dataclass(frozen=True)
class RunTrials:
    """Tells a worker to run trials of a search.

    Attributes:
        search: the search.
        seconds: for how long, from when the worker has rehearsed.
        failures_from: number of the first trial whose failure counts in a row.
    """

    search: Search
    seconds: float
    failures_from: int


@dataclass(frozen=True)
class EstimateTrial:
    """Asks a worker how long the first trial of a search would take."""

    search: Search


@dataclass(frozen=True)
class WorkerEvent:
    """What happened in a worker.

    Attributes:
        kind: ``ready`` for work; ``rehearsed``, its time runs; ``trial``, one begins; ``end`` of a
            trial; ``tick``, nothing, but time has passed; ``warning`` of a component, in `text`;
            ``estimate``, the answer to `EstimateTrial`, in `seconds`; ``stopped``, no further trial
            may begin, for the reason in `text`; ``broken``, it cannot go on, for the reason in
            `text`; ``database lost``, nor can any other worker.
        trial: number of the trial.
        text: the line or reason.
        source: of a warning: the line of code that emits it, whatever numbers it holds.
        seconds: that the first trial would take.
    """

    kind: Literal[
        "ready",
        "rehearsed",
        "trial",
        "end",
        "tick",
        "warning",
        "estimate",
        "stopped",
        "broken",
        "database lost",
    ]
    trial: int = -1
    text: str = ""
    source: str = ""
    seconds: float = 0.0


def work(pipe: Connection) -> None:
    """Do what comes through a pipe, in a process of its own; the test set is sealed."""
    import optuna  # noqa: F401 - before it is ready: a search's time is for searching

    warnings = WarningHandler(pipe.send)
    logging.captureWarnings(True)
    logging.getLogger().addHandler(warnings)
    pipe.send(WorkerEvent("ready"))
    with sealed():
        while True:
            command = pipe.recv()
            warnings.reset(quiet=isinstance(command, EstimateTrial))
            try:
                pipe.send(_do(command, pipe))
            except Exception as error:
                if reason := why_lost(error):
                    pipe.send(WorkerEvent("database lost", text=reason))
                else:
                    pipe.send(WorkerEvent("broken", text=reason_of(error)))


class WarningHandler(logging.Handler):
    """Passes on warnings of components, each line of code once a search.

    Args:
        send: called with each warning.
    """

    def __init__(self, send: Callable[[WorkerEvent], None]) -> None:
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
            self._send(WorkerEvent("warning", text=text, source=source))


def _do(command: RunTrials | EstimateTrial, pipe: Connection) -> WorkerEvent:
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
    pipe.send(WorkerEvent("rehearsed"))
    if isinstance(command, EstimateTrial):
        return WorkerEvent("estimate", seconds=objective.estimate(config))
    return WorkerEvent("stopped", text=_run_trials(command, objective, pipe))


def _run_trials(command: RunTrials, objective: Objective, pipe: Connection) -> str:
    """Run trials until none may begin, and return the reason."""
    until = time.monotonic() + command.seconds
    with Heartbeat(command.search.heartbeats) as heartbeat:
        trials = Trials(
            command.search,
            command.search.study(),
            objective,
            heartbeat,
            command.failures_from,
            lambda kind, number: pipe.send(WorkerEvent(kind, number)),
        )
        while (reason := trials.run_one(until - time.monotonic())) is None:
            pass
    return reason
