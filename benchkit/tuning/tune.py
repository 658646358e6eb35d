"""All searches of a run, one recommender after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from benchkit.evaluation.settings import Frozen
from benchkit.tuning.crew import Crew
from benchkit.tuning.database import database_errors
from benchkit.tuning.frozen import freeze
from benchkit.tuning.ledger import Ledger
from benchkit.tuning.lifeline import reap
from benchkit.tuning.messages import News
from benchkit.tuning.queue import Queue
from benchkit.tuning.search import FINISHED, TERMS, Search
from benchkit.tuning.sharing import Shares
from benchkit.tuning.stopping import time_is_up

if TYPE_CHECKING:
    from optuna import Study


# Shares of the time that an estimate of a first trial may take, before it is clear that the trial
# would not end.
_PATIENCE = 3


class Watcher(Interface):
    """Whoever shows how searches go."""

    def estimating(self, searches: int) -> None:
        """The time of trials is estimated before any search begins."""

    def begin(self, search: Search, ledger: Ledger, seconds: float) -> None:
        """A search begins or goes on, with so many seconds left."""

    def tell(self, ledger: Ledger, news: News) -> None:
        """Something has happened in it, or time has passed."""

    def end(self, search: Search, frozen: Frozen, *, kept: bool) -> None:
        """It is over; `kept` if an earlier run had finished it."""


def tune(searches: Sequence[Search], jobs: int, watcher: Watcher) -> dict[str, Frozen]:
    """Do all searches and return what each has found, by recommender.

    What an earlier run has searched is kept and goes on; a finished search is not repeated. What
    others build on is searched before them, and cheap searches before dear ones. A limit in time
    is one for all searches together (`Shares`).

    Args:
        searches: one a recommender.
        jobs: workers that share each study.
        watcher: told what is going on.

    Raises:
        StorageError: the studies cannot be read or written.
        KeyboardInterrupt: passed on, once running trials are enqueued again.
    """
    with database_errors(), Crew(jobs) as crew:
        run = _Run(Queue(searches), crew, watcher)
        run.open()
        run.all()
        return run.queue.found


@dataclass
class _Run:
    """The searches of a run on this machine."""

    queue: Queue
    crew: Crew
    watcher: Watcher
    shares: Shares = field(init=False)

    def __post_init__(self) -> None:
        self.shares = Shares.of(self.queue.searches)

    def open(self) -> None:
        """Open studies, so that other machines can work on what this one has not come to."""
        while ready := self.queue.ready():
            for search in ready:
                ledger = search.refresh(Ledger(), search.study())
                self.shares.use(min(ledger.seconds, search.options.limit))
                _count_what_is_paid(search, ledger)
                if _begin(search):
                    self.queue.begun.append(search)
                else:
                    self._end(search, kept=True)

    def all(self) -> None:
        """Do what is open, and what opens meanwhile."""
        if self.shares.tight and self.queue.begun:
            self.watcher.estimating(len(self.queue.begun))
        while self.queue.begun:
            self._estimate()
            search, share = self.shares.next(self.queue)
            self.queue.begun.remove(search)
            self._one(search, share)

    def _estimate(self) -> None:
        """Find out about trials of what has opened, where the time is limited."""
        for search in self.queue.begun if self.shares.tight else ():
            if search.recommender not in self.shares.estimates:
                cost = self.crew.estimate(search, _PATIENCE * search.options.limit)
                self.shares.estimates[search.recommender] = cost

    def _one(self, search: Search, share: float) -> None:
        study = search.study()
        # A new run is a new chance for what failed: only its own failures in a row count.
        size = len(study.get_trials(deepcopy=False))
        ledger = search.refresh(Ledger(), study, failures_from=size)
        used = ledger.seconds
        if self.shares.limited:
            search = search.within(max(search.options.limit, used + share))
            study.set_user_attr(TERMS, search.terms())
        if self.shares.suffices(search, share):
            reason = self._search(search, study, ledger)
            timed_out = reason == time_is_up(search.options)
            self.shares.use(min(share, ledger.seconds - used))
        else:
            reason, timed_out = self.shares.too_dear(search), True
        # What builds on it opens before it is over: whoever helps finds no gap to leave in.
        self.queue.found[search.recommender] = freeze(search, study, ledger)
        self.open()
        _note_end(search, study, reason, timed_out=timed_out)
        self._end(search, kept=False)

    def _search(self, search: Search, study: Study, ledger: Ledger) -> str:
        """Search and return why it ended."""
        left = max(0.0, search.options.limit - ledger.seconds)
        self.watcher.begin(search, ledger, left)
        shift, first = self.crew.search(search, study, left), ledger.size
        try:
            for news in shift.run():
                if news.kind == "end":
                    search.refresh(ledger, study, first)
                self.watcher.tell(ledger, news)
        except KeyboardInterrupt:
            self.crew.dismiss()
            with search.locked():
                reap(study, search.lifelines, blame=False)
            raise
        search.refresh(ledger, study, first)
        return shift.reason

    def _end(self, search: Search, *, kept: bool) -> None:
        study = search.study()
        frozen = freeze(search, study, search.refresh(Ledger(), study))
        self.queue.found[search.recommender] = frozen
        self.watcher.end(search, frozen, kept=kept)


def tune_elsewhere(
    searches: Sequence[Search],
    conduct: Callable[[Sequence[Search]], Iterable[Search]],
    watcher: Watcher,
) -> dict[str, Frozen]:
    """Do as `tune` does where others conduct the searches, on the same storage.

    What builds on others is conducted when these have ended.

    Args:
        searches: one a recommender.
        conduct: conducts searches that have begun, and gives back each when it has ended.
        watcher: told of each when it has ended.

    Raises:
        BenchkitError: a search cannot be conducted.
    """
    queue = Queue(searches)
    with database_errors():
        while ready := queue.ready():
            begun = [search for search in ready if _begin(search)]
            kept = [search for search in ready if search not in begun]
            for search in chain(kept, conduct(begun)):
                study = search.study()
                frozen = freeze(search, study, search.refresh(Ledger(), study))
                watcher.end(search, frozen, kept=search in kept)
                queue.found[search.recommender] = frozen
    return queue.found


def finished(searches: Sequence[Search]) -> dict[str, Frozen]:
    """Return what the searches have found that `tune` would not go on with; nothing is written."""
    queue, found = Queue(searches), {}
    with database_errors():
        while ready := queue.ready():
            for search in ready:
                frozen = _finished(search)
                queue.found[search.recommender] = frozen or Frozen({}, {})
                if frozen is not None:
                    found[search.recommender] = frozen
    return found


def _finished(search: Search) -> Frozen | None:
    if (study := search.known()) is None:
        return None
    size = len(study.get_trials(deepcopy=False))
    ledger = search.refresh(Ledger(), study, failures_from=size)
    return None if _reason(search, study, ledger) is None else freeze(search, study, ledger)


def _begin(search: Search) -> bool:
    """Open a study to whoever joins; return False where an earlier run has done the search."""
    study = search.study()
    with search.locked():
        reap(study, search.lifelines)
    ledger = search.refresh(Ledger(), study, failures_from=len(study.get_trials(deepcopy=False)))
    if (reason := _reason(search, study, ledger)) is not None:
        if not study.user_attrs.get(FINISHED):
            _note_end(search, study, reason, timed_out=ledger.seconds >= search.options.limit)
        return False
    study.set_user_attr(TERMS, search.terms())
    study.set_user_attr(FINISHED, {})
    return True


def _count_what_is_paid(search: Search, ledger: Ledger) -> None:
    """Hold what earlier runs have paid for a search to the cap of this one."""
    if (purse := search.task.settings.purse) is not None:
        purse.add(ledger.cost)


def _reason(search: Search, study: Study, ledger: Ledger) -> str | None:
    """Return why a search does not go on: an earlier run has used up all that this one may."""
    options, ended = search.options, study.user_attrs.get(FINISHED)
    used_up = bool(ended and ended.get("timed_out") and options.limit <= ended.get("seconds", 0.0))
    return search.reason_to_stop(ledger, 0.0 if used_up else options.limit - ledger.seconds)


def _note_end(search: Search, study: Study, reason: str, *, timed_out: bool) -> None:
    study.set_user_attr(
        FINISHED,
        {
            "reason": reason,
            "timed_out": timed_out,
            "trials": search.options.trials,
            "seconds": search.options.limit,
        },
    )
