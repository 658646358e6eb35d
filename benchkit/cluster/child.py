"""A job in a process of its own: ``python -m benchkit.cluster.child HANDLE`` of a pipe.

Not one of `multiprocessing`: the processes of Dask are daemons and may not have such children.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path

from benchkit.cluster.job import EvaluationJob, Job, SearchJob, pack
from benchkit.contracts.errors import BenchkitError, UnavailableError
from benchkit.evaluation.pipeline import execute
from benchkit.evaluation.processes import Event, reason_of
from benchkit.evaluation.tasks import plan
from benchkit.toolkit.workspace import leaderboards, workspace


def main() -> None:
    """Do the job that comes through the pipe, and end with the process at its other end."""
    # The Dask worker may ignore it; it tells a job to tidy up.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pipe = Connection(int(sys.argv[1]))
    job = pipe.recv()
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        pipe.send(do(job, pipe))


def _end_with(pipe: Connection) -> None:
    with suppress(EOFError, OSError):
        pipe.recv()
    os._exit(1)


def do(job: Job, pipe: Connection) -> Event:
    """Do a job and return how it ended; what happens meanwhile is sent through the pipe."""
    try:
        return _search(job) if isinstance(job, SearchJob) else _evaluate(job, pipe)
    except BenchkitError as error:
        return Event("refused", str(error))
    except Exception as error:
        return Event("failed", reason_of(error), traceback.format_exc())


def _search(job: SearchJob) -> Event:
    """Search as `benchkit run` does, after the checks of `benchkit worker`."""
    from benchkit.evaluation.display import silent
    from benchkit.tuning.database import database_errors
    from benchkit.tuning.join import rebuild, stored_searches
    from benchkit.tuning.progress import SearchProgress
    from benchkit.tuning.storage import is_database
    from benchkit.tuning.tune import tune

    prepared = job.data.open(workspace())
    with database_errors():
        searches = {s.study: s for s in stored_searches(job.storage, prepared.name)}
        if job.study not in searches:
            where = "the database" if is_database(job.storage) else job.storage
            raise UnavailableError(
                f"the study {job.study} is not in {where} there; give --storage a database, or "
                "a file in a folder that all machines share"
            )
        search = rebuild(searches[job.study], prepared, job.storage, workspace(), _out())
    tune([search], job.jobs, SearchProgress(1, silent()))
    return Event("done")


def _evaluate(job: EvaluationJob, pipe: Connection) -> Event:
    """Evaluate the task of the run, if it is the same here.

    Raises:
        UnavailableError: it is another one here, or cannot run, and why.
    """
    from benchkit.tuning.join import check_runnable, check_same

    name = job.task.recommender
    prepared = job.data.open(workspace())
    settings = job.task.settings.on_machine(workspace(), _out())
    task = plan(prepared, name, settings)
    check_same(name, asdict(job.task.identity), asdict(task.identity), "there")
    check_runnable(name, prepared, settings, "there")
    try:
        record = execute(
            task,
            lambda stage: pipe.send(Event("stage", stage)),
            lambda line: pipe.send(Event("report", line)),
        )
    except BenchkitError as error:  # of the recommender's, as in a run on one machine
        return Event("failed", str(error))
    return pack(settings.out, record)


def _out() -> Path:
    """Return the folder of unfinished work: fits that go on when they are tried again."""
    return leaderboards() / ".cluster"


if __name__ == "__main__":
    main()
