"""The workers of a run: started, given searches, watched, and ended when their time is over."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING

from benchkit.evaluation.jobs import how_it_died
from benchkit.toolkit.machine import free_slot, share
from benchkit.tuning.database import gone
from benchkit.tuning.ledger import Ledger
from benchkit.tuning.lifeline import end, reap
from benchkit.tuning.messages import News, Order, Probe
from benchkit.tuning.search import Search
from benchkit.tuning.stopping import time_is_up
from benchkit.tuning.worker import work

if TYPE_CHECKING:
    from optuna import Study

OUT_OF_TIME = "out of time"
# Seconds between two looks at the clock while nothing happens.
_TICK = 0.5
# Seconds after the end of the time in which a worker between two trials may say that it is over.
_GRACE = 2.0
# Seconds that a rehearsal may take before the search's time runs.
_REHEARSAL = 60.0
# Workers in a row that die before their first trial.
_STILLBORN = 3
# Seconds between two looks for dead workers of others: while ours work, and while we wait for them.
_WORKING, _WAITING = 15.0, 1.0


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    slot: int
    ready: bool = False
    busy: bool = False
    trial: int = -1


class Crew:
    """Worker processes that live from search to search.

    Args:
        jobs: how many work at a time.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.workers: list[_Worker] = []
        self._context = multiprocessing.get_context("spawn")

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self.dismiss()

    def dismiss(self) -> None:
        """End all workers, whatever they are at."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.process.join()
            worker.pipe.close()
        self.workers.clear()

    @property
    def busy(self) -> bool:
        """Whether some worker is at a search."""
        return any(worker.busy for worker in self.workers)

    def search(self, search: Search, study: Study, seconds: float) -> Shift:
        """Return the work on a search, to be run.

        Args:
            search: what to search.
            study: its study; dead workers' trials have been reaped.
            seconds: wall time that may be used, from when the first worker has rehearsed.
        """
        return Shift(self, search, study, seconds)

    def estimate(self, search: Search, patience: float) -> float:
        """Return about how many seconds the first trial of a search takes.

        Args:
            search: the search.
            patience: seconds to wait for the answer, once it has rehearsed.

        Returns:
            Seconds; infinity where that was too short, 0 where nobody can tell.
        """
        worker, begun = self.fill()[0], False
        while not worker.ready:
            if self._news_of(worker) is None:
                return 0.0
        worker.pipe.send(Probe(search))
        until = time.monotonic() + _REHEARSAL
        while (left := until - time.monotonic()) > 0:
            if not worker.pipe.poll(left):
                break
            news = self._news_of(worker)
            if news is None or news.kind in ("estimate", "broken"):
                return 0.0 if news is None else news.seconds
            if news.kind == "begin":
                begun, until = True, time.monotonic() + patience
        worker.process.kill()
        self.lose(worker)
        return math.inf if begun else 0.0

    def _news_of(self, worker: _Worker) -> News | None:
        """Return what a worker tells; None where it has died."""
        try:
            news = worker.pipe.recv()
        except (EOFError, OSError):
            self.lose(worker)
            return None
        assert isinstance(news, News)
        worker.ready |= news.kind == "ready"
        return news

    def fill(self) -> Sequence[_Worker]:
        """Start workers where some are missing, and return all."""
        while len(self.workers) < self.jobs:
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=work, args=(theirs,), daemon=True)
            slot = free_slot([worker.slot for worker in self.workers])
            with share(slot, self.jobs):
                process.start()
            theirs.close()
            self.workers.append(_Worker(process, ours, slot))
        return self.workers

    def lose(self, worker: _Worker) -> str:
        """Forget a dead worker and return how it died."""
        self.workers.remove(worker)
        worker.pipe.close()
        return how_it_died(worker.process)


class Shift:
    """A crew's work on one search.

    Attributes:
        reason: why it ended, "" until then.
    """

    def __init__(self, crew: Crew, search: Search, study: Study, seconds: float) -> None:
        self.crew, self.search, self.study = crew, search, study
        self.seconds = seconds
        self.first = len(study.get_trials(deepcopy=False))
        self.until: float | None = None
        self.engaged: float | None = None
        self.reason = ""
        self.stillborn = 0
        self._broken = False
        self._looked = time.monotonic()
        self._others = False

    def run(self) -> Iterator[News]:
        """Yield news until nobody works on the search any more, here or elsewhere.

        What workers of other processes are at is waited for while there is time: it counts, and
        when they die somebody has to try it again.

        Raises:
            StorageError: the database of the studies does not answer any more.

        Closing the iterator leaves running trials to `reap`, and workers to be dismissed.
        """
        self._engage()
        while not self._is_over():
            if not self.reason:
                self.crew.fill()
            pipes = {worker.pipe: worker for worker in self.crew.workers}
            for ready in wait(list(pipes), timeout=self._patience()):
                assert isinstance(ready, Connection)
                yield self._hear(pipes[ready])
            if self.engaged and time.monotonic() - self.engaged > _REHEARSAL:
                self._start_clock()
            self._stop_trials()
            yield News("report")

    def _start_clock(self) -> None:
        if self.until is None:
            self.until = time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        """Seconds of the search's time that are left; it runs from when a worker has rehearsed."""
        return self.seconds if self.until is None else self.until - time.monotonic()

    def _is_over(self) -> bool:
        """Tell whether nobody is at a trial any more; look after those of others."""
        idle = bool(self.reason) and not self.crew.busy
        if idle and (self._broken or self.until is None):
            return True
        pause = _WORKING if not idle else _WAITING if self._others else 0.0
        if time.monotonic() - self._looked < pause:
            return False
        self._looked = time.monotonic()
        self._reap()
        return idle and self._nobody_is_left()

    def _nobody_is_left(self) -> bool:
        """Tell whether no worker of others is at a trial; if there is more to do, do it."""
        ledger = self.search.refresh(Ledger(), self.study, self.first)
        self._others = ledger.running > 0 and self.left > 0
        if self._others:
            return False
        # What is left of the time may be too short for one more trial: a worker knows.
        if self.reason == time_is_up(self.search.options):
            return True
        self.reason = self.search.reason_to_stop(ledger, self.left) or ""
        if not self.reason:
            self._engage()
        return bool(self.reason)

    def _patience(self) -> float:
        """Return how long to wait for news before looking at the clock."""
        return min(_TICK, max(0.01, self.left))

    def _engage(self) -> None:
        """Give the order to every worker that is ready and idle."""
        for worker in self.crew.fill():
            if worker.ready and not worker.busy:
                self.engaged = self.engaged or time.monotonic()
                worker.pipe.send(Order(self.search, self.left, self.first))
                worker.busy, worker.trial = True, -1

    def _hear(self, worker: _Worker) -> News:
        try:
            news = worker.pipe.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        assert isinstance(news, News)
        if news.kind == "ready":
            worker.ready = True
            if not self.reason:
                self._engage()
        elif news.kind == "begin":
            self._start_clock()
        elif news.kind == "trial":
            worker.trial, self.stillborn = news.trial, 0
        elif news.kind == "end":
            worker.trial = -1
        elif news.kind == "lost":  # what was found so far is no result: nobody may evaluate it
            raise gone(news.text)
        elif news.kind in ("over", "broken"):
            worker.busy = False
            self.reason = self.reason or news.text
            if news.kind == "broken":
                self._broken = True
                self._reap()
        return news

    def _bury(self, worker: _Worker) -> News:
        """Note what a worker that died was at; another takes its place."""
        number, how = worker.trial, self.crew.lose(worker)
        if number >= 0:
            self._end(number, "failed", how)
        self._reap()
        if number < 0:
            self.stillborn += 1
            if self.stillborn >= _STILLBORN:
                self.reason = self.reason or f"{how} before a trial began"
                self._broken = True
        return News("end", number, how)

    def _stop_trials(self) -> None:
        """End the workers whose trial goes on after the time, and note the trials as such."""
        late = -self.left
        for worker in list(self.crew.workers):
            if late > 0 and worker.busy and (worker.trial >= 0 or late > _GRACE):
                self.reason = self.reason or time_is_up(self.search.options)
                worker.process.kill()
                number = self._at(worker)
                self.crew.lose(worker)
                if number >= 0:
                    self._end(number, "out of time", OUT_OF_TIME)
                self._reap()

    def _at(self, worker: _Worker) -> int:
        """Return the trial that a worker was at, by its last news."""
        with suppress(EOFError, OSError):
            while worker.pipe.poll():
                news = worker.pipe.recv()
                if news.kind in ("trial", "end"):
                    worker.trial = news.trial if news.kind == "trial" else -1
        return worker.trial

    def _end(self, number: int, kind: str, reason: str) -> None:
        trial = self.study.get_trials(deepcopy=False)[number]
        if not trial.state.is_finished():
            end(self.study, trial, kind, reason)  # type: ignore[arg-type]

    def _reap(self) -> None:
        with self.search.locked():
            reap(self.study, self.search.lifelines)
