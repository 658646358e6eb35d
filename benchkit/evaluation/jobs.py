"""Tasks in processes of their own: one that crashes or eats all memory takes no other along.

A fresh process a task also makes its peak memory its own.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Literal

from benchkit.contracts.errors import BenchkitError
from benchkit.evaluation.pipeline import Task, execute
from benchkit.leaderboards.record import Record
from benchkit.toolkit.isolation import seed_globals, send_stdout_to_stderr
from benchkit.toolkit.machine import free_slot, share


@dataclass(frozen=True)
class Event:
    """What happened to a task.

    Attributes:
        task: the task.
        kind: ``start`` (in `text` where, if not here); ``stage`` (its name in `text`); ``report``
            (a line about a long fit); ``done`` (its `record`); ``failed`` (one line in `text`, the
            traceback in `details`).
    """

    task: Task
    kind: Literal["start", "stage", "report", "done", "failed"]
    text: str = ""
    details: str = ""
    record: Record | None = None


def run(tasks: Sequence[Task], jobs: int) -> Generator[Event, None, None]:
    """Run tasks, at most `jobs` at a time, and yield what happens as it happens.

    Closing the iterator, or an exception at the caller's, ends the running processes.
    """
    context = multiprocessing.get_context("spawn")
    waiting, running = deque(tasks), dict[Connection, tuple[SpawnProcess, Task, int]]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                task = waiting.popleft()
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(sender, task), daemon=True)
                slot = free_slot([slot for *_, slot in running.values()])
                with share(slot, jobs):
                    process.start()
                sender.close()
                running[receiver] = process, task, slot
                yield Event(task, "start")
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                process, task, _ = running[ready]
                event = _receive(ready, process, task)
                if event.kind in ("done", "failed"):
                    del running[ready]
                    ready.close()
                    process.join()
                yield event
    finally:
        for process, *_ in running.values():
            process.terminate()
        for process, *_ in running.values():
            process.join()


def _receive(connection: Connection, process: SpawnProcess, task: Task) -> Event:
    try:
        event = connection.recv()
    except EOFError:
        return Event(task, "failed", how_it_died(process))
    assert isinstance(event, Event)
    return event


def how_it_died(process: SpawnProcess) -> str:
    """Return in words how a process ended that should not have; waits for it to be gone."""
    process.join()
    return death_by(process.exitcode or 0)


def death_by(code: int) -> str:
    """Return in words what an exit status of a process says; below 0 it is a signal."""
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
    hint = "; was memory short?" if code == -signal.SIGKILL else ""
    return f"its process {how}{hint}"


def reason_of(error: BaseException) -> str:
    """Return in one line why something failed."""
    if isinstance(error, BenchkitError):
        return str(error)
    # torch's own is no MemoryError, and importing torch to ask for its class costs seconds
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "memory was not enough"
    return " ".join(f"{type(error).__name__}: {error}".strip(": ").split())


def _child(sender: Connection, task: Task) -> None:
    # Ctrl-C reaches the whole group; the parent decides what becomes of the children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    send_stdout_to_stderr()
    seed_globals(task.identity.seed)
    threading.Thread(target=exit_with_parent, daemon=True).start()
    try:
        record = execute(
            task,
            lambda stage: sender.send(Event(task, "stage", stage)),
            lambda line: sender.send(Event(task, "report", line)),
        )
        sender.send(Event(task, "done", record=record))
    except BaseException as error:  # a stranger's code may raise anything
        details = "" if isinstance(error, BenchkitError) else traceback.format_exc()
        sender.send(Event(task, "failed", reason_of(error), details))


def exit_with_parent() -> None:
    """End this process when its parent is killed: nobody would read what it computes."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
