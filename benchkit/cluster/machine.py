"""On a machine of a cluster: a thread of a Dask worker that looks after a job's process."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from benchkit import DISTRIBUTION
from benchkit.cluster.job import Job
from benchkit.evaluation.processes import Event, exit_reason
from benchkit.toolkit.machine import thread_variables

if TYPE_CHECKING:
    from distributed import Worker

# Seconds between two looks whether the job is still wanted.
_TICK = 0.5
# Seconds that a job which is over or interrupted has for tidying up.
_GRACE = 20.0


def about(dask_worker: Worker) -> dict[str, Any]:
    """Describe a Dask worker: versions that have to agree, and its GPUs."""
    return {
        "versions": versions(),
        "gpus": dask_worker.state.total_resources.get("GPU", 0),
    }


def versions() -> dict[str, str]:
    """Return the versions that have to agree, so that what is sent can be read."""
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "benchkit": version(DISTRIBUTION),
        "distributed": version("distributed"),
    }


def do(job: Job, topic: str, number: int) -> Event:
    """Do a job and return how it ended; called by Dask, in a thread of a worker.

    What happens meanwhile goes to a topic of Dask's, with the number of the job.
    """
    from distributed import get_worker

    worker = get_worker()
    worker.log_event(topic, (number, "start", worker.address))
    process = _Process.start(job, worker.state.nthreads)
    try:
        while not _is_unwanted(worker, worker.get_current_task()):
            if process.pipe.poll(_TICK):
                event = process.receive()
                if event.kind == "refused":  # the user has to know where
                    return replace(event, text=f"{worker.address}: {event.text}")
                if event.kind in ("done", "failed"):
                    return event
                worker.log_event(topic, (number, event.kind, event.text))
        process.interrupt()
        return Event("failed", "the run has ended")
    finally:
        process.end()


@dataclass(frozen=True)
class _Process:
    popen: subprocess.Popen[bytes]
    pipe: Connection

    @classmethod
    def start(cls, job: Job, at_a_time: int) -> _Process:
        ours, theirs = Pipe()
        popen = subprocess.Popen(
            [sys.executable, "-m", "benchkit.cluster.child", str(theirs.fileno())],
            env={**os.environ, **thread_variables(at_a_time)},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        ours.send(job)
        return cls(popen, ours)

    def receive(self) -> Event:
        try:
            event = self.pipe.recv()
        except (EOFError, OSError):
            return Event("failed", exit_reason(self.popen.wait()))
        assert isinstance(event, Event)
        return event

    def interrupt(self) -> None:
        """Interrupt it: a search enqueues its trials again."""
        with suppress(ProcessLookupError):
            self.popen.send_signal(signal.SIGINT)

    def end(self) -> None:
        """Wait for the process to end, and kill it if it does not."""
        try:
            self.popen.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.pipe.close()


def _is_unwanted(worker: Worker, key: Any) -> bool:
    """Tell whether the run was interrupted or has died, or this Dask worker is about to end."""
    task = worker.state.tasks.get(key)
    wanted = task is not None and task.state in ("executing", "long-running")
    return not wanted or worker.status.name in ("closing", "closed", "failed")
