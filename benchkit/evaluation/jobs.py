"""Tasks in processes of their own: one that crashes or eats all memory takes no other along.

A fresh process a task also makes its peak memory its own.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Literal

from benchkit.contracts.errors import BenchkitError
from benchkit.evaluation.pipeline import Task, execute
from benchkit.evaluation.processes import Child, reason_of
from benchkit.leaderboards.record import Record
from benchkit.toolkit.isolation import seed_globals


@dataclass(frozen=True)
class Event:
    """What happened to a task.

    Attributes:
        task: the task.
        kind: ``start`` (in `text` on which machine, if not here); ``stage`` (its name in `text`);
            ``report`` (a line about a long fit); ``done`` (its `record`); ``failed`` (one line in
            `text`, the traceback in `details`).
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
    waiting, running = deque(tasks), dict[Connection, tuple[Child, Task]]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                task = waiting.popleft()
                siblings = [child for child, _ in running.values()]
                child = Child.start(_execute, task, siblings=siblings, jobs=jobs)
                running[child.pipe] = child, task
                yield Event(task, "start")
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)
                child, task = running[pipe]
                event: Event | None = child.receive()
                if event is None or event.kind in ("done", "failed"):
                    del running[pipe]
                    how = child.join()
                    event = event or Event(task, "failed", how)
                yield event
    finally:
        for child, _ in running.values():
            child.process.terminate()
        for child, _ in running.values():
            child.join()


def _execute(pipe: Connection, task: Task) -> None:
    seed_globals(task.identity.seed)
    try:
        record = execute(
            task,
            lambda stage: pipe.send(Event(task, "stage", stage)),
            lambda line: pipe.send(Event(task, "report", line)),
        )
        pipe.send(Event(task, "done", record=record))
    except BaseException as error:  # a plugin's code may raise anything
        details = "" if isinstance(error, BenchkitError) else traceback.format_exc()
        pipe.send(Event(task, "failed", reason_of(error), details))
