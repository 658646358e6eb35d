"""The workers of a run: started, given searches, watched, and ended when their time is over."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from benchkit.evaluation.processes import Child, Event
from benchkit.tuning.database import lost_error
from benchkit.tuning.heartbeat import end_trial, requeue_lost
from benchkit.tuning.ledger import Kind, Ledger, time_is_up
from benchkit.tuning.search import Search
from benchkit.tuning.worker import Command, work

if TYPE_CHECKING:
    from optuna import Study

# Seconds between two looks at the clock while nothing happens.
_TICK = 0.5
# Seconds after the end of the time in which a worker between two trials may stop by itself.
_GRACE = 2.0
# Seconds that a rehearsal may take before the search's time runs.
_REHEARSAL = 60.0
# Workers in a row that die before their first trial.
_MAX_STARTUP_CRASHES = 3
# Seconds between two looks for dead workers of other processes: while ours work, and while we wait
# for theirs.
_WORKING, _WAITING = 15.0, 1.0


@dataclass(eq=False)
class _Worker(Child):
    """A worker; `trial` is the number of the trial that it runs, -1 between two."""

    ready: bool = False
    busy: bool = False
    trial: int = -1


class WorkerPool:
    """Worker processes that live from search to search.

    Args:
        jobs: how many work at a time.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.workers: list[_Worker] = []

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def shutdown(self) -> None:
        """Kill all workers, whatever they are doing."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.join()
        self.workers.clear()

    @property
    def busy(self) -> bool:
        """Whether some worker works on a search."""
        return any(worker.busy for worker in self.workers)

    def estimate(self, search: Search, patience: float) -> float:
        """Return about how many seconds the first trial takes; 0 where it cannot be estimated.

        Infinity where no answer comes within `patience` seconds, once the worker has rehearsed.
        """
        worker, rehearsed = self.fill()[0], False
        while not worker.ready:
            if self.receive(worker) is None:
                self.discard(worker)
                return 0.0
        worker.pipe.send(Command(search))
        until = time.monotonic() + _REHEARSAL
        while (left := until - time.monotonic()) > 0 and worker.pipe.poll(left):
            event = self.receive(worker)
            if event is None:
                self.discard(worker)
                return 0.0
            if event.kind in ("estimate", "broken"):
                return event.seconds
            if event.kind == "rehearsed":
                rehearsed, until = True, time.monotonic() + patience
        worker.process.kill()
        self.discard(worker)
        return math.inf if rehearsed else 0.0

    def receive(self, worker: _Worker) -> Event | None:
        """Return what happened in a worker; None where it has died."""
        event = worker.receive()
        worker.ready |= event is not None and event.kind == "ready"
        return event

    def fill(self) -> Sequence[_Worker]:
        """Start workers where some are missing, and return all."""
        while len(self.workers) < self.jobs:
            self.workers.append(_Worker.start(work, siblings=self.workers, jobs=self.jobs))
        return self.workers

    def discard(self, worker: _Worker) -> str:
        """Remove a worker that has died or was killed, and return how it ended."""
        self.workers.remove(worker)
        return worker.join()


class SearchRun:
    """The work of a pool on one search; `reason` says why it has ended, "" until then.

    Args:
        pool: the workers.
        search: the search.
        study: its study; the trials of dead workers have been enqueued again.
        ledger: of the study; trials that end are counted.
        seconds: wall time that may be used, from when the first worker has rehearsed.
    """

    def __init__(
        self, pool: WorkerPool, search: Search, study: Study, ledger: Ledger, seconds: float
    ) -> None:
        self.pool, self.search, self.study, self.ledger = pool, search, study, ledger
        self.seconds = seconds
        self.reason = ""
        self._first = ledger.size
        self._until: float | None = None
        self._assigned: float | None = None
        self._startup_crashes = 0
        self._broken = False
        self._looked = time.monotonic()
        self._others = False

    def events(self) -> Iterator[Event]:
        """Yield what happens until nobody works on the search any more, here or elsewhere.

        Trials of workers of other processes are waited for while there is time: they count, and
        when their workers die somebody has to run them again.

        Raises:
            StorageError: the database of the studies does not answer any more.
        """
        self._assign()
        while not self._is_over():
            if not self.reason:
                self.pool.fill()
            workers = {worker.pipe: worker for worker in self.pool.workers}
            patience = min(_TICK, max(0.01, self._left))
            for pipe in wait(list(workers), timeout=patience):
                event = self._receive(workers[pipe])  # type: ignore[index]
                if event.kind == "end":
                    self._refresh()
                yield event
            if self._assigned and time.monotonic() - self._assigned > _REHEARSAL:
                self._start_clock()
            self._stop_late_trials()
            yield Event("tick")
        self._refresh()

    def abandon(self) -> None:
        """Kill the workers, before the search is over: their trials have to be run again."""
        self.pool.shutdown()
        with self.search.locked():
            requeue_lost(self.study, self.search.heartbeats, blame=False)
        self._refresh()

    def _refresh(self) -> None:
        self.search.refresh(self.ledger, self.study, self._first)

    def _start_clock(self) -> None:
        if self._until is None:
            self._until = time.monotonic() + self.seconds

    @property
    def _left(self) -> float:
        """Seconds of the search's time that are left; it runs from when a worker has rehearsed."""
        return self.seconds if self._until is None else self._until - time.monotonic()

    def _is_over(self) -> bool:
        """Tell whether nobody runs a trial any more; look after those of other processes."""
        idle = bool(self.reason) and not self.pool.busy
        if idle and (self._broken or self._until is None):
            return True
        pause = _WORKING if not idle else _WAITING if self._others else 0.0
        if time.monotonic() - self._looked < pause:
            return False
        self._looked = time.monotonic()
        self._requeue_lost()
        return idle and self._others_are_done()

    def _others_are_done(self) -> bool:
        """Tell whether no other process runs a trial; if there is more to do, do it."""
        self._refresh()
        self._others = self.ledger.running > 0 and self._left > 0
        if self._others:
            return False
        # What is left of the time may be too short for one more trial: a worker knows.
        if self.reason == time_is_up(self.search.options):
            return True
        self.reason = self.search.reason_to_stop(self.ledger, self._left) or ""
        if not self.reason:
            self._assign()
        return bool(self.reason)

    def _assign(self) -> None:
        for worker in self.pool.fill():
            if worker.ready and not worker.busy:
                self._assigned = self._assigned or time.monotonic()
                worker.pipe.send(Command(self.search, self._left, self._first))
                worker.busy, worker.trial = True, -1

    def _receive(self, worker: _Worker) -> Event:
        event = self.pool.receive(worker)
        if event is None:
            return self._on_crash(worker)
        if event.kind == "ready" and not self.reason:
            self._assign()
        elif event.kind == "rehearsed":
            self._start_clock()
        elif event.kind == "trial":
            worker.trial, self._startup_crashes = event.trial, 0
        elif event.kind == "end":
            worker.trial = -1
        elif event.kind == "database lost":  # the trials so far are no result to be evaluated
            raise lost_error(event.text)
        elif event.kind in ("stopped", "broken"):
            worker.busy = False
            self.reason = self.reason or event.text
            if event.kind == "broken":
                self._broken = True
                self._requeue_lost()
        return event

    def _on_crash(self, worker: _Worker) -> Event:
        """Record why the trial of a worker that died has no value; another takes its place."""
        number, how = worker.trial, self.pool.discard(worker)
        self._end_trial(number, "failed", how)
        self._requeue_lost()
        if number < 0:
            self._startup_crashes += 1
            if self._startup_crashes >= _MAX_STARTUP_CRASHES:
                self.reason = self.reason or f"{how} before a trial began"
                self._broken = True
        return Event("end", how, trial=number)

    def _stop_late_trials(self) -> None:
        """Kill the workers whose trial goes on after the time."""
        late = -self._left
        for worker in list(self.pool.workers):
            if late > 0 and worker.busy and (worker.trial >= 0 or late > _GRACE):
                self.reason = self.reason or time_is_up(self.search.options)
                worker.process.kill()
                number = self._last_trial(worker)
                self.pool.discard(worker)
                self._end_trial(number, "out of time", "out of time")
                self._requeue_lost()

    def _last_trial(self, worker: _Worker) -> int:
        """Return the trial that a killed worker ran, by its last messages."""
        with suppress(EOFError, OSError):
            while worker.pipe.poll():
                event: Event = worker.pipe.recv()
                if event.kind in ("trial", "end"):
                    worker.trial = event.trial if event.kind == "trial" else -1
        return worker.trial

    def _end_trial(self, number: int, kind: Kind, reason: str) -> None:
        if number >= 0:
            trial = self.study.get_trials(deepcopy=False)[number]
            if not trial.state.is_finished():
                end_trial(self.study, trial, kind, reason)

    def _requeue_lost(self) -> None:
        with self.search.locked():
            requeue_lost(self.study, self.search.heartbeats)
