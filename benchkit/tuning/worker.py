"""A worker: a process that does the trials of one search after another, until it is told to end.

It keeps running over searches: what it imports and prepares serves them all.
"""

from __future__ import annotations

import signal
import threading
import time
from multiprocessing.connection import Connection
from typing import Literal

from benchkit.isolation import send_stdout_to_stderr
from benchkit.jobs import exit_with_parent, reason_of
from benchkit.stages.split import sealed
from benchkit.tuning.database import lost
from benchkit.tuning.lifeline import Lifeline
from benchkit.tuning.messages import News, Order
from benchkit.tuning.objective import Objective, sealed_data
from benchkit.tuning.trial import Trials


def work(pipe: Connection) -> None:
    """Follow the orders that come through a pipe until None comes; the test set is sealed."""
    # Ctrl-C reaches the whole group; whoever started the worker decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    send_stdout_to_stderr()
    threading.Thread(target=exit_with_parent, daemon=True).start()
    import optuna  # noqa: F401 - before it is ready: a search's time is for searching

    pipe.send(News("ready"))
    with sealed():
        while (order := pipe.recv()) is not None:
            try:
                reason = _follow(order, pipe)
            except Exception as error:
                gone = lost(error)
                kind: Literal["lost", "broken"] = "lost" if gone else "broken"
                pipe.send(News(kind, text=gone or reason_of(error)))
            else:
                pipe.send(News("over", text=reason))


def _follow(order: Order, pipe: Connection) -> str:
    """Do trials until none may begin, and return the reason."""
    task = order.search.task
    data = sealed_data(
        task.settings.workspace,
        task.identity.dataset["name"],
        task.identity.dataset["fingerprint"],
        task.settings.protocol,
        task.identity.protocol["fingerprint"],
    )
    objective = Objective(task, data, lambda line: pipe.send(News("report", text=line)))
    objective.rehearse(task.config)
    pipe.send(News("begin"))
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
