"""A worker: a process that does the trials of one search after another, until it is told to end.

It keeps running over searches: what it imports and prepares serves them all.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Literal

from benchkit.data.split import sealed
from benchkit.evaluation.jobs import exit_with_parent, reason_of
from benchkit.toolkit.isolation import send_stdout_to_stderr
from benchkit.tuning.database import lost
from benchkit.tuning.lifeline import Lifeline
from benchkit.tuning.messages import News, Order, Probe
from benchkit.tuning.objective import Objective, sealed_data
from benchkit.tuning.search import Search
from benchkit.tuning.trial import Trials


def work(pipe: Connection) -> None:
    """Follow the orders that come through a pipe until None comes; the test set is sealed."""
    # Ctrl-C reaches the whole group; whoever started the worker decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    send_stdout_to_stderr()
    threading.Thread(target=exit_with_parent, daemon=True).start()
    import optuna  # noqa: F401 - before it is ready: a search's time is for searching

    warnings = Warnings(pipe.send)
    logging.captureWarnings(True)
    logging.getLogger().addHandler(warnings)
    pipe.send(News("ready"))
    with sealed():
        while (order := pipe.recv()) is not None:
            warnings.begin(quiet=isinstance(order, Probe))
            try:
                pipe.send(_follow(order, pipe))
            except Exception as error:
                gone = lost(error)
                kind: Literal["lost", "broken"] = "lost" if gone else "broken"
                pipe.send(News(kind, text=gone or reason_of(error)))


class Warnings(logging.Handler):
    """Passes on what components warn of, each line of code once a search.

    Args:
        tell: told each warning.
    """

    def __init__(self, tell: Callable[[News], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell, self._quiet = tell, False
        self._said: set[str] = set()

    def begin(self, *, quiet: bool) -> None:
        """Forget what was said; a probe is `quiet`, for the search will say it."""
        self._quiet = quiet
        self._said.clear()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on a warning, in one line."""
        text = record.getMessage().strip().partition("\n")[0]
        # Python's own come from one line of code, and begin with the one that they are about.
        python = record.name == "py.warnings"
        source = text.partition("Warning: ")[0] if python else f"{record.pathname}:{record.lineno}"
        if not self._quiet and source not in self._said:
            self._said.add(source)
            self._tell(News("warning", text=text, source=source))


def _follow(order: Order | Probe, pipe: Connection) -> News:
    objective = _objective(order.search, lambda line: pipe.send(News("report", text=line)))
    config = order.search.space.base
    objective.rehearse(config)
    pipe.send(News("begin"))
    if isinstance(order, Probe):
        return News("estimate", seconds=objective.estimate(config))
    return News("over", text=_do_trials(order, objective, pipe))


def _objective(search: Search, report: Callable[[str], None]) -> Objective:
    task = search.task
    data = sealed_data(
        task.settings.workspace,
        task.identity.dataset["name"],
        task.identity.dataset["fingerprint"],
        task.settings.protocol,
        task.identity.protocol["fingerprint"],
    )
    return Objective(task, data, report)


def _do_trials(order: Order, objective: Objective, pipe: Connection) -> str:
    """Do trials until none may begin, and return the reason."""
    until = time.monotonic() + order.seconds
    with Lifeline(order.search.lifelines) as lifeline:
        trials = Trials(
            order.search,
            order.search.study(),
            objective,
            lifeline,
            order.failures_from,
            lambda what, number: pipe.send(News(what, number)),  # type: ignore[arg-type]
        )
        while (reason := trials.go_on(until - time.monotonic())) is None:
            pass
    return reason
