"""All searches of a run, one recommender after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from benchkit.evaluation.settings import Tuned
from benchkit.tuning.database import database_errors
from benchkit.tuning.heartbeat import requeue_lost
from benchkit.tuning.ledger import Ledger, time_is_up
from benchkit.tuning.pool import SearchRun, WorkerPool
from benchkit.tuning.progress import SearchProgress
from benchkit.tuning.schedule import Queue, Shares
from benchkit.tuning.search import FINISHED, TERMS, Search

if TYPE_CHECKING:
    from optuna import Study


# Shares of the time that an estimate of a first trial may take, before it is clear that the trial
# would not end.
_PATIENCE = 3


def tune(searches: Sequence[Search], jobs: int, progress: SearchProgress) -> dict[str, Tuned]:
    """Do all searches and return their results, by recommender.

    What an earlier run has searched is kept and goes on; a finished search is not repeated. What
    others build on is searched before them, and cheap searches before expensive ones. A limit in
    time is one for all searches together (`Shares`).

    Raises:
        StorageError: the studies cannot be read or written.
        KeyboardInterrupt: passed on, once running trials are enqueued again.
    """
    with database_errors(), WorkerPool(jobs) as pool:
        local = _LocalSearches(Queue(searches), pool, progress)
        local.open()
        local.run()
        return local.queue.results


@dataclass
class _LocalSearches:
    queue: Queue
    pool: WorkerPool
    progress: SearchProgress
    shares: Shares = field(init=False)

    def __post_init__(self) -> None:
        self.shares = Shares.of(self.queue.searches)

    def open(self) -> None:
        """Open studies, so that other machines can work on those that this one has not reached."""
        while ready := self.queue.take_ready():
            for search in ready:
                ledger = search.ledger(search.study())
                self.shares.left -= min(ledger.seconds, search.options.limit)
                if (shared_budget := search.task.settings.shared_budget) is not None:
                    shared_budget.add(ledger.cost)  # what earlier runs have paid
                if _begin(search):
                    self.queue.open.append(search)
                else:
                    self._end(search, kept=True)

    def run(self) -> None:
        """Run what is open, and what opens meanwhile."""
        if self.shares.tight and self.queue.open:
            self.progress.estimating(len(self.queue.open))
        while self.queue.open:
            self._estimate()
            search, share = self.shares.next(self.queue)
            self.queue.open.remove(search)
            self._run_one(search, share)

    def _estimate(self) -> None:
        """Estimate the first trials of what has opened, where the time is limited."""
        for search in self.queue.open if self.shares.tight else ():
            if search.recommender not in self.shares.estimates:
                cost = self.pool.estimate(search, _PATIENCE * search.options.limit)
                self.shares.estimates[search.recommender] = cost

    def _run_one(self, search: Search, share: float) -> None:
        study = search.study()
        ledger = _ledger_of_new_run(search, study)
        used = ledger.seconds
        if self.shares.limited:
            search = search.within(max(search.options.limit, used + share))
            study.set_user_attr(TERMS, search.terms())
        if self.shares.suffices(search, share):
            reason = self._search(search, study, ledger)
            timed_out = reason == time_is_up(search.options)
            self.shares.left -= min(share, ledger.seconds - used)
        else:
            reason, timed_out = self.shares.reason_not_started(search), True
        # What builds on it opens before it is over, so that workers elsewhere stay.
        self.queue.results[search.recommender] = search.result(study, ledger)
        self.open()
        _record_end(search, study, reason, timed_out=timed_out)
        self._end(search, kept=False)

    def _search(self, search: Search, study: Study, ledger: Ledger) -> str:
        left = max(0.0, search.options.limit - ledger.seconds)
        self.progress.begin(search, ledger, left)
        run = SearchRun(self.pool, search, study, ledger, left)
        try:
            for event in run.events():
                self.progress.update(ledger, event)
        except KeyboardInterrupt:
            run.abandon()
            raise
        return run.reason

    def _end(self, search: Search, *, kept: bool) -> None:
        result = search.result(search.study())
        self.queue.results[search.recommender] = result
        self.progress.end(search, result, kept=kept)


def tune_remotely(
    searches: Sequence[Search],
    run: Callable[[Sequence[Search]], Iterable[Search]],
    progress: SearchProgress,
) -> dict[str, Tuned]:
    """Do as `tune` does where other machines run the searches, on the same storage.

    `run` gets searches that have begun and gives back each when it has ended, or raises a
    BenchkitError. Searches that build on others are run when these have ended.
    """
    queue = Queue(searches)
    with database_errors():
        while ready := queue.take_ready():
            begun = [search for search in ready if _begin(search)]
            kept = [search for search in ready if search not in begun]
            for search in chain(kept, run(begun)):
                result = search.result(search.study())
                progress.end(search, result, kept=search in kept)
                queue.results[search.recommender] = result
    return queue.results


def finished(searches: Sequence[Search]) -> dict[str, Tuned]:
    """Return the results of those searches that `tune` would not go on with; nothing is written."""
    queue, results = Queue(searches), {}
    with database_errors():
        while ready := queue.take_ready():
            for search in ready:
                result = _finished(search)
                queue.results[search.recommender] = result or Tuned({}, {})
                if result is not None:
                    results[search.recommender] = result
    return results


def _finished(search: Search) -> Tuned | None:
    if (study := search.existing_study()) is None:
        return None
    ledger = _ledger_of_new_run(search, study)
    return None if _reason_to_end(search, study, ledger) is None else search.result(study, ledger)


def _ledger_of_new_run(search: Search, study: Study) -> Ledger:
    """Return a study's ledger in which only later failures count in a row."""
    return search.ledger(study, failures_from=len(study.get_trials(deepcopy=False)))


def _begin(search: Search) -> bool:
    """Open a study to other machines; return False where an earlier run has done the search."""
    study = search.study()
    with search.locked():
        requeue_lost(study, search.heartbeats)
    ledger = _ledger_of_new_run(search, study)
    if (reason := _reason_to_end(search, study, ledger)) is not None:
        if not study.user_attrs.get(FINISHED):
            _record_end(search, study, reason, timed_out=ledger.seconds >= search.options.limit)
        return False
    study.set_user_attr(TERMS, search.terms())
    study.set_user_attr(FINISHED, {})
    return True


def _reason_to_end(search: Search, study: Study, ledger: Ledger) -> str | None:
    """Return why a search does not go on: an earlier run has used up all that this one may."""
    options, ended = search.options, study.user_attrs.get(FINISHED)
    used_up = bool(ended and ended.get("timed_out") and options.limit <= ended.get("seconds", 0.0))
    return search.reason_to_stop(ledger, 0.0 if used_up else options.limit - ledger.seconds)


def _record_end(search: Search, study: Study, reason: str, *, timed_out: bool) -> None:
    options = search.options
    ended = {"reason": reason, "timed_out": timed_out}
    limits = {"trials": options.trials, "seconds": options.limit}
    study.set_user_attr(FINISHED, {**ended, **limits})
