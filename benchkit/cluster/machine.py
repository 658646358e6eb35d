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
from benchkit.cluster.orders import Order, Reply
from benchkit.evaluation.jobs import death_by
from benchkit.toolkit.machine import thread_variables

if TYPE_CHECKING:
    from distributed import Worker

# Seconds between two looks whether somebody still wants the job.
_TICK = 0.5
# Seconds in which a job that is over or interrupted has to tidy up.
_GRACE = 20.0


def about(dask_worker: Worker) -> dict[str, Any]:
    """Return what a Dask worker is: versions that have to agree, and its GPUs."""
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


def do(order: Order, topic: str, number: int) -> Reply:
    """Do an order and return how it ended; called by Dask, in a thread of a worker.

    Args:
        order: what to do.
        topic: Dask's topic under which news are told.
        number: of the order, which stands in the news.
    """
    from distributed import get_worker

    worker = get_worker()
    worker.log_event(topic, (number, "start", worker.address))
    job = _start(order, worker.state.nthreads)
    try:
        while not _is_unwanted(worker, worker.get_current_task()):
            if job.pipe.poll(_TICK):
                reply = job.hear()
                if reply.kind == "refused":  # somebody has to know where
                    return replace(reply, text=f"{worker.address}: {reply.text}")
                if reply.kind in ("done", "failed"):
                    return reply
                worker.log_event(topic, (number, reply.kind, reply.text))
        job.interrupt()
        return Reply("failed", "nobody wants it any more")
    finally:
        job.end()


@dataclass(frozen=True)
class _Job:
    process: subprocess.Popen[bytes]
    pipe: Connection

    def hear(self) -> Reply:
        try:
            reply = self.pipe.recv()
        except (EOFError, OSError):
            return Reply("failed", death_by(self.process.wait()))
        assert isinstance(reply, Reply)
        return reply

    def interrupt(self) -> None:
        """Let it tidy up: an interrupted search enqueues its trials again."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)

    def end(self) -> None:
        """Wait for the process to be gone, not for ever."""
        try:
            self.process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.pipe.close()


def _start(order: Order, at_a_time: int) -> _Job:
    ours, theirs = Pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchkit.cluster.child", str(theirs.fileno())],
        env={**os.environ, **thread_variables(at_a_time)},
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
    )
    theirs.close()
    ours.send(order)
    return _Job(process, ours)


def _is_unwanted(worker: Worker, key: Any) -> bool:
    """Tell whether the run was interrupted or has died, or this Dask worker is about to end."""
    task = worker.state.tasks.get(key)
    wanted = task is not None and task.state in ("executing", "long-running")
    return not wanted or worker.status.name in ("closing", "closed", "failed")
