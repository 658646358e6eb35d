"""A whole run: tasks to their ends, the leaderboard after each, and what is going on meanwhile.

Each task has a process of its own: one that crashes or eats all memory takes no other along, and
its peak memory is its own.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from benchkit.contracts.errors import BenchkitError, StorageError
from benchkit.evaluation.display import Display, Show, display
from benchkit.evaluation.pipeline import execute, now
from benchkit.evaluation.processes import Child, Event, reason_of
from benchkit.evaluation.tasks import Task
from benchkit.leaderboards import store
from benchkit.leaderboards.files import touch, write_leaderboard
from benchkit.leaderboards.record import RECORDS, Failure, Record
from benchkit.toolkit.files import write_atomically
from benchkit.toolkit.isolation import seed_globals

# What happens to tasks, as it happens.
Events = Generator[tuple[Task, Event], None, None]


@dataclass
class Outcome:
    """How a run ended: its results, those of earlier runs included, and whether by Ctrl-C.

    `warnings` are about damaged files that the leaderboard had to leave out.
    """

    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    interrupted: bool = False

    def write(self, out: Path, dataset: str) -> None:
        """Write the leaderboard, and keep its warnings."""
        warnings = write_leaderboard(out, dataset)
        self.warnings += [line for line in warnings if line not in self.warnings]

    def fail(self, task: Task, reason: str, details: str = "") -> Failure:
        """Add a task that has failed."""
        what = task.identity, task.preset, task.all_overrides
        self.failures.append(Failure(*what, reason, details, now()))
        return self.failures[-1]


def run_all(
    dataset: str,
    tasks: Sequence[Task],
    run: Callable[[Sequence[Task]], Events],
    show: Show = display,
) -> Outcome:
    """Run the tasks that no earlier run has finished, and write the leaderboard after each.

    Args:
        dataset: name of the dataset.
        tasks: what to run.
        run: where they run, such as `run_here`; closing its events ends what runs.
        show: returns where they are shown, from their number.

    Raises:
        StorageError: the output folder cannot be written; finished records stay.
    """
    outcome, out = Outcome(), tasks[0].settings.out
    _check_writable(out)
    with show(len(tasks)) as shown:
        progress = _RunProgress(len(tasks), shown)
        todo = [task for task in tasks if _is_to_run(task, outcome, progress)]
        if outcome.records:
            touch(out, outcome.records, {task.identity.key for task in tasks}, now())
            outcome.write(out, dataset)
        try:
            with closing(run(todo)) as events:
                for task, event in events:
                    if event.record is not None:
                        outcome.records.append(event.record)
                    elif event.kind == "failed":
                        store.write_failure(out, outcome.fail(task, event.text, event.details))
                    if event.kind in ("done", "failed"):
                        outcome.write(out, dataset)
                    progress.update(task, event)
        except KeyboardInterrupt:
            outcome.interrupted = True
            outcome.write(out, dataset)
    return outcome


def run_here(tasks: Sequence[Task], jobs: int) -> Events:
    """Run tasks, at most `jobs` at a time, and yield what happens to each.

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
                yield task, Event("start")
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)
                child, task = running[pipe]
                event = child.receive()
                if event is None or event.kind in ("done", "failed"):
                    del running[pipe]
                    how = child.join()
                    event = event or Event("failed", how)
                yield task, event
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
            lambda stage: pipe.send(Event("stage", stage)),
            lambda line: pipe.send(Event("report", line)),
        )
        pipe.send(Event("done", record=record))
    except BaseException as error:  # a plugin's code may raise anything
        details = "" if isinstance(error, BenchkitError) else traceback.format_exc()
        pipe.send(Event("failed", reason_of(error), details))


def _is_to_run(task: Task, outcome: Outcome, progress: _RunProgress) -> bool:
    """Tell whether there is no record of a task; note the record, or why it cannot be replaced.

    A damaged one is put aside.
    """
    try:
        record = task.finished()
    except store.DamagedRecordError as error:
        with store.lock(task.settings.out, task.identity):
            outcome.warnings.append(store.set_aside(error))
        return True
    except StorageError as error:
        outcome.fail(task, str(error))
        progress.update(task, Event("failed", str(error)))
        return False
    if record is None:
        return True
    outcome.records.append(record)
    progress.update(task, Event("done", record=record), "kept from an earlier run, ")
    return False


def _check_writable(out: Path) -> None:
    """Raise before hours of work, not after them."""
    probe = out / RECORDS / ".writable"
    write_atomically(probe, "")
    probe.unlink(missing_ok=True)


class _RunProgress:
    def __init__(self, tasks: int, shown: Display) -> None:
        self.total, self.ended = tasks, 0
        self.display = shown
        self._running: dict[str, str] = {}

    def update(self, task: Task, event: Event, remark: str = "") -> None:
        """Show an event; `remark` goes before a result."""
        label = _label(task)
        if event.kind in ("start", "stage", "report"):
            self._running[label] = event.text or "start"
            if event.kind == "start":
                self.display.step(f"{label}: started{f' on {event.text}' if event.text else ''}")
            elif event.kind == "report":
                self.display.step(f"{label}: {event.text}")
        else:
            self._running.pop(label, None)
            self.ended += 1
            style = "red" if event.record is None else None
            result = f"failed: {event.text}" if event.record is None else _figures(event.record)
            self.display.line(f"[{self.ended}/{self.total}] {label}: {remark}{result}", style)
            self.display.advance()
        self.display.status(", ".join(f"{name}: {what}" for name, what in self._running.items()))


def _label(task: Task) -> str:
    seed = f", seed {task.settings.seed}" if task.settings.seed else ""
    return f"{task.recommender} (ties {task.settings.protocol.ties}{seed})"


def _figures(record: Record) -> str:
    best = [name for name in record.metrics if name.startswith("ndcg@")][-1:]
    figures = [f"{name} {record.metrics[name]:.4f}" for name in best]
    seconds = record.seconds
    times = f"fit {seconds['fit']:.1f} s, recommend {seconds['recommend']:.1f} s"
    return ", ".join([*figures, times])
