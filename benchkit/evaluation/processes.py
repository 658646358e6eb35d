"""Child processes, and what they send: each has a share of the machine, and ends when we do."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, TypeVar

from benchkit.contracts.errors import BenchkitError
from benchkit.toolkit.isolation import send_stdout_to_stderr
from benchkit.toolkit.machine import free_slot, share

if TYPE_CHECKING:
    from benchkit.leaderboards.record import Record

Self = TypeVar("Self", bound="Child")


@dataclass(frozen=True)
class Event:
    """What happens to a task or in a search, wherever it runs.

    Attributes:
        kind: of a task: ``start`` (`text`: on which machine, if not here), ``stage`` (`text`: its
            name), ``report`` (`text`: a line about a long fit), ``done`` (its `record`),
            ``failed``, or ``refused``, for it cannot be the same on that machine. Of a worker:
            ``ready`` for work, ``rehearsed`` (the time runs), ``trial`` and ``end`` of one,
            ``warning`` of a component, ``estimate`` (`seconds`), ``stopped`` (no further trial may
            begin), ``broken`` (this worker cannot go on), ``database lost`` (nor can any other),
            ``tick`` (nothing, but time has passed).
        text: a line for a person, or the reason.
        details: the traceback of a failure; the line of code that emits a warning.
        trial: number of the trial, -1 for none.
        seconds: that the first trial would take.
        record: what an evaluation came to.
    """

    kind: str
    text: str = ""
    details: str = ""
    trial: int = -1
    seconds: float = 0.0
    record: Record | None = None


@dataclass(eq=False)
class Child:
    """A process of ours.

    Attributes:
        process: the process.
        pipe: our end of the pipe to it.
        slot: its share of cores and GPUs.
    """

    process: SpawnProcess
    pipe: Connection
    slot: int

    @classmethod
    def start(
        cls: type[Self],
        function: Callable[..., None],
        *arguments: object,
        siblings: Iterable[Child],
        jobs: int,
    ) -> Self:
        """Start ``function(pipe, *arguments)`` in a new process.

        Args:
            function: what it does, a function that can be pickled.
            arguments: of the function.
            siblings: children that share the machine with it.
            jobs: how many children there are at most.
        """
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_run, args=(function, theirs, *arguments), daemon=True)
        slot = free_slot([child.slot for child in siblings])
        with share(slot, jobs):
            process.start()
        theirs.close()
        return cls(process, ours, slot)

    def receive(self) -> Event | None:
        """Return the next event; None where the process has died."""
        try:
            event: Event = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return event

    def join(self) -> str:
        """Wait for the process to end, close the pipe, and return in words how it ended."""
        self.process.join()
        self.pipe.close()
        return exit_reason(self.process.exitcode or 0)


def _run(function: Callable[..., None], pipe: Connection, *arguments: object) -> None:
    # Ctrl-C reaches the whole group; the parent decides what becomes of its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    send_stdout_to_stderr()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    function(pipe, *arguments)


def _exit_with_parent() -> None:
    """End this process when its parent is killed: its results would not be read."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def exit_reason(code: int) -> str:
    """Return in words what an exit status of a process says; below 0 it is a signal."""
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
    hint = " (probably out of memory)" if code == -signal.SIGKILL else ""
    return f"its process {how}{hint}"


def reason_of(error: BaseException) -> str:
    """Return in one line why something failed."""
    if isinstance(error, BenchkitError):
        return str(error)
    # torch's own is no MemoryError, and importing torch for its class takes seconds
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "out of memory"
    return " ".join(f"{type(error).__name__}: {error}".strip(": ").split())
