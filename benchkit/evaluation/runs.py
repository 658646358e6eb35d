"""A whole run: tasks to their ends, the leaderboard after each, and what is going on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchkit.contracts.errors import StorageError
from benchkit.evaluation.display import Display, Show, display
from benchkit.evaluation.jobs import Event
from benchkit.evaluation.pipeline import Task, now
from benchkit.leaderboards import store
from benchkit.leaderboards.files import touch, write_leaderboard
from benchkit.leaderboards.record import RECORDS, Failure

Run = Callable[[Sequence[Task]], Generator[Event, None, None]]


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
        """Write the leaderboard, and keep its warnings."""
        warnings = write_leaderboard(out, dataset)
        self.warnings += [line for line in warnings if line not in self.warnings]


def run_all(dataset: str, tasks: Sequence[Task], run: Run, show: Show = display) -> Outcome:
    """Run the tasks that no earlier run has finished, and write the leaderboard after each.

    Args:
        dataset: name of the dataset.
        tasks: what to run.
        run: where they run, such as `jobs.run`; closing its events ends what runs.
        show: returns where they are shown, from their number.

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
    with show(len(tasks)) as shown:
        progress = _RunProgress(len(tasks), shown)
        for event in outcome.done:
            progress.update(event, "kept from an earlier run, ")
        for event in outcome.failed:
            progress.update(event)
        if outcome.done:
            outcome.write(out, dataset)
        try:
            with closing(run(todo)) as events:
                for event in events:
                    _note(event, outcome, out, dataset)
                    progress.update(event)
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


class _RunProgress:
    """Shows how the tasks of a run go."""

    def __init__(self, tasks: int, shown: Display) -> None:
        self.total, self.ended = tasks, 0
        self.display = shown
        self._running: dict[str, str] = {}

    def update(self, event: Event, remark: str = "") -> None:
        """Show an event; `remark` goes before a result."""
        label = _label(event.task)
        if event.kind in ("start", "stage", "report"):
            self._running[label] = event.text or "start"
            if event.kind == "start":
                self.display.step(f"{label}: started{f' on {event.text}' if event.text else ''}")
            elif event.kind == "report":
                self.display.step(f"{label}: {event.text}")
        else:
            self._running.pop(label, None)
            self.ended += 1
            style = "red" if event.kind == "failed" else None
            line = f"[{self.ended}/{self.total}] {label}: {remark}{_result(event)}"
            self.display.line(line, style)
            self.display.advance()
        self.display.status(", ".join(f"{name}: {what}" for name, what in self._running.items()))


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
