"""A whole run: tasks to their ends, the leaderboard after each, and what is going on meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol as Interface

from benchkit.contracts.errors import StorageError
from benchkit.evaluation.jobs import Event
from benchkit.evaluation.pipeline import Task, now
from benchkit.leaderboards import store
from benchkit.leaderboards.files import touch, write_leaderboard
from benchkit.leaderboards.record import RECORDS, Failure
from benchkit.toolkit.progress import on_stderr

Run = Callable[[Sequence[Task]], Generator[Event, None, None]]
Watch = Callable[[int], "Watcher"]


@dataclass
class Outcome:
    """How a run ended: finished tasks, failed ones, and whether somebody interrupted it.

    `warnings` are about damaged files that the leaderboard had to leave out.
    """

    done: list[Event] = field(default_factory=list)
    failed: list[Event] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    interrupted: bool = False

    def write(self, out: Path, dataset: str) -> None:
        """Write the leaderboard, and keep what is to be said of it."""
        said = write_leaderboard(out, dataset)
        self.warnings += [line for line in said if line not in self.warnings]


def run_all(dataset: str, tasks: Sequence[Task], run: Run, show: Watch) -> Outcome:
    """Run the tasks that no earlier run has finished, and write the leaderboard after each.

    Args:
        dataset: name of the dataset.
        tasks: what to run.
        run: where they run, such as `jobs.run`; closing its events ends what runs.
        show: returns who is told what is going on, from the number of tasks.

    Raises:
        StorageError: the output folder cannot be written; finished records stay.
    """
    outcome = Outcome()
    out = tasks[0].settings.out
    _check_writable(out)
    todo = [task for task in tasks if _is_to_run(task, outcome)]
    kept = [event.record for event in outcome.done if event.record is not None]
    if kept:
        touch(out, kept, {task.identity.key for task in tasks}, now())
    with show(len(tasks)) as watcher:
        for event in outcome.done:
            watcher.kept(event)
        for event in outcome.failed:
            watcher.tell(event)
        if outcome.done:
            outcome.write(out, dataset)
        try:
            with closing(run(todo)) as events:
                for event in events:
                    _note(event, outcome, out, dataset)
                    watcher.tell(event)
        except KeyboardInterrupt:
            outcome.interrupted = True
            outcome.write(out, dataset)
    return outcome


def _is_to_run(task: Task, outcome: Outcome) -> bool:
    """Return whether there is no record of a task; note the record, or why it cannot be replaced.

    A damaged one is put aside.
    """
    try:
        record = task.finished()
    except store.DamagedRecordError as error:
        with store.lock(task.settings.out, task.identity):
            outcome.warnings.append(store.set_aside(error))
        return True
    except StorageError as error:
        outcome.failed.append(Event(task, "failed", str(error)))
        return False
    if record is not None:
        outcome.done.append(Event(task, "done", record=record))
    return record is None


def _note(event: Event, outcome: Outcome, out: Path, dataset: str) -> None:
    if event.kind == "done":
        outcome.done.append(event)
    elif event.kind == "failed":
        outcome.failed.append(event)
        task = event.task
        store.write_failure(
            out,
            Failure(
                task.identity,
                task.preset,
                task.given,
                event.text,
                event.details,
                now(),
            ),
        )
    else:
        return
    outcome.write(out, dataset)


def _check_writable(out: Path) -> None:
    """Find out before hours of work, not after them."""
    from benchkit.toolkit.files import write_atomically

    probe = out / RECORDS / ".writable"
    write_atomically(probe, "")
    probe.unlink(missing_ok=True)


class Watcher(Interface):
    """Whoever shows what is going on."""

    def __enter__(self) -> Watcher: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def kept(self, event: Event) -> None: ...
    def tell(self, event: Event) -> None: ...


def watcher(tasks: int) -> Watcher:
    """Return who shows the tasks of a run: live on a terminal, else in plain lines."""
    return Live(tasks) if sys.stderr.isatty() else Lines(tasks)


def _label(task: Task) -> str:
    seed = f", seed {task.settings.seed}" if task.settings.seed else ""
    return f"{task.recommender} (ties {task.settings.protocol.ties}{seed})"


def _result(event: Event) -> str:
    if event.kind == "failed":
        return f"failed: {event.text}"
    assert event.record is not None
    seconds = event.record.seconds
    best = [name for name in event.record.metrics if name.startswith("ndcg@")][-1:]
    figures = [f"{name} {event.record.metrics[name]:.4f}" for name in best]
    times = f"fit {seconds['fit']:.1f} s, recommend {seconds['recommend']:.1f} s"
    return ", ".join([*figures, times])


class Lines:
    """Plain lines, for output that is no terminal."""

    def __init__(self, tasks: int, say: Callable[[str], None] = on_stderr) -> None:
        self.total, self.ended, self._say = tasks, 0, say

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def kept(self, event: Event) -> None:
        self._end(event, "kept from an earlier run, ")

    def tell(self, event: Event) -> None:
        if event.kind == "start":
            where = f" on {event.text}" if event.text else ""
            self._say(f"{_label(event.task)}: started{where}")
        elif event.kind == "report":
            self._say(f"{_label(event.task)}: {event.text}")
        elif event.kind != "stage":
            self._end(event)

    def _end(self, event: Event, remark: str = "") -> None:
        self.ended += 1
        self._say(f"[{self.ended}/{self.total}] {_label(event.task)}: {remark}{_result(event)}")


class Live:
    """A progress bar with what runs, what is left and for how long."""

    def __init__(self, tasks: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.running: dict[str, str] = {}
        self.progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
        )
        self.bar = self.progress.add_task("", total=tasks)

    def __enter__(self) -> Live:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def kept(self, event: Event) -> None:
        self._end(event, "kept from an earlier run, ")

    def tell(self, event: Event) -> None:
        label = _label(event.task)
        if event.kind in ("start", "stage", "report"):
            self.running[label] = event.text or "start"
        else:
            self.running.pop(label, None)
            self._end(event)
        described = ", ".join(f"{name}: {stage}" for name, stage in self.running.items())
        self.progress.update(self.bar, description=described)

    def _end(self, event: Event, remark: str = "") -> None:
        style = "red" if event.kind == "failed" else None
        self.progress.console.print(
            f"{_label(event.task)}: {remark}{_result(event)}",
            style=style,
            markup=False,
            highlight=False,
        )
        self.progress.advance(self.bar)
