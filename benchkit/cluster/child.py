"""A job in a process of its own: ``python -m benchkit.cluster.child HANDLE`` of a pipe.

Not one of `multiprocessing`: the processes of Dask are daemons and may not have such children.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from benchkit.cluster.orders import Conduct, Evaluate, Order, Reply
from benchkit.cluster.parcel import pack
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import BenchkitError, UnavailableError
from benchkit.evaluation.availability import reason_against
from benchkit.evaluation.jobs import reason_of
from benchkit.evaluation.pipeline import Task, execute, plan
from benchkit.evaluation.settings import Settings
from benchkit.toolkit.workspace import leaderboards, workspace

Tell = Callable[[Literal["stage", "report"], str], None]


def main() -> None:
    """Do the order that comes through the pipe, and end with whoever holds its other end."""
    # Whoever started us may ignore it; it is how a job is told to tidy up.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pipe = Connection(int(sys.argv[1]))
    order = pipe.recv()
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        pipe.send(_answer(order, lambda kind, text: pipe.send(Reply(kind, text))))


def _end_with(pipe: Connection) -> None:
    with suppress(EOFError, OSError):
        pipe.recv()
    os._exit(1)


def _answer(order: Order, tell: Tell) -> Reply:
    try:
        return _conduct(order) if isinstance(order, Conduct) else _evaluate(order, tell)
    except BenchkitError as error:
        return Reply("refused", str(error))
    except Exception as error:
        return Reply("failed", reason_of(error), traceback.format_exc())


def _conduct(order: Conduct) -> Reply:
    """Conduct a search as `benchkit run` does, after the checks of `benchkit worker`."""
    from benchkit.tuning.database import database_errors
    from benchkit.tuning.join import begun, rebuild
    from benchkit.tuning.storage import is_database
    from benchkit.tuning.tune import tune
    from benchkit.tuning.view import Silent

    prepared = order.data.find(workspace())
    with database_errors():
        found = [each for each in begun(order.storage, prepared.name) if each.study == order.study]
        if not found:
            where = "the database" if is_database(order.storage) else order.storage
            raise UnavailableError(
                f"the study {order.study} is not in {where} there; give --storage a database, or "
                "a file in a folder that all machines share"
            )
        search = rebuild(found[0], prepared, order.storage, workspace(), _out())
    tune([search], order.jobs, Silent())
    return Reply("done")


def _evaluate(order: Evaluate, tell: Tell) -> Reply:
    task = _same(order, order.data.find(workspace()))
    try:
        record = execute(task, lambda text: tell("stage", text), lambda text: tell("report", text))
    except BenchkitError as error:  # of the recommender's, as in a run on one machine
        return Reply("failed", str(error))
    return Reply("done", parcel=pack(task.settings.out, record))


def _same(order: Evaluate, prepared: PreparedDataset) -> Task:
    """Return the task as it is here.

    Raises:
        UnavailableError: it is another one here, or cannot run, and why.
    """
    from benchkit.tuning.differences import differences

    name = order.task.recommender
    # Nobody counts what is paid over machines: `benchkit embed` pays for vectors beforehand.
    settings = replace(
        order.task.settings, workspace=workspace(), out=_out(), max_cost=0.0, purse=None
    )
    here = plan(prepared, name, settings)
    found = differences(json.loads(json.dumps(asdict(order.task.identity))), asdict(here.identity))
    if found:
        raise UnavailableError(f"{name} is not the same there: {'; '.join(found)}")
    _check_it_can_run(name, prepared, settings)
    return here


def _check_it_can_run(name: str, prepared: PreparedDataset, settings: Settings) -> None:
    reason = reason_against(name, prepared, settings, named=True, paying=False)
    if reason is not None:
        raise UnavailableError(f"{name} cannot run there: {reason}")


def _out() -> Path:
    """Return the folder of what is on its way: fits that go on when they are tried again."""
    return leaderboards() / ".cluster"


if __name__ == "__main__":
    main()
