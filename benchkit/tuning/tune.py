"""All searches of a run, one recommender after another, each with the same share of the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from benchkit.settings import Frozen
from benchkit.tuning.crew import Crew
from benchkit.tuning.database import database_errors
from benchkit.tuning.frozen import freeze
from benchkit.tuning.ledger import Ledger
from benchkit.tuning.lifeline import reap
from benchkit.tuning.messages import News
from benchkit.tuning.search import FINISHED, TERMS, Search
from benchkit.tuning.stopping import reason_to_stop, time_is_up

if TYPE_CHECKING:
    from optuna import Study


class Watcher(Interface):
    """Whoever shows how searches go."""

    def begin(self, search: Search, ledger: Ledger, seconds: float) -> None:
        """A search begins or goes on, with so many seconds left."""

    def tell(self, ledger: Ledger, news: News) -> None:
        """Something has happened in it, or time has passed."""

    def end(self, search: Search, frozen: Frozen, *, kept: bool) -> None:
        """It is over; `kept` if an earlier run had finished it."""


def tune(searches: Sequence[Search], jobs: int, watcher: Watcher) -> dict[str, Frozen]:
    """Do all searches and return what each has found, by recommender.

    What an earlier run has searched is kept and goes on; a finished search is not repeated.

    Args:
        searches: one a recommender.
        jobs: workers that share each study.
        watcher: told what is going on.

    Raises:
        StorageError: the studies cannot be read or written.
        KeyboardInterrupt: passed on, once running trials are enqueued again.
    """
    with database_errors(), Crew(jobs) as crew:
        # All at once, so that other machines can work on what this one has not come to.
        begun = [search for search in searches if _begin(search)]
        for search in searches:
            _count_what_is_paid(search)
        return {
            search.recommender: _tune(search, crew, watcher, kept=search not in begun)
            for search in searches
        }


def tune_elsewhere(
    searches: Sequence[Search],
    conduct: Callable[[Sequence[Search]], Iterable[Search]],
    watcher: Watcher,
) -> dict[str, Frozen]:
    """Do as `tune` does where others conduct the searches, on the same storage.

    Args:
        searches: one a recommender.
        conduct: conducts searches that have begun, and gives back each when it has ended.
        watcher: told of each when it has ended.

    Raises:
        BenchkitError: a search cannot be conducted.
    """
    with database_errors():
        begun = [search for search in searches if _begin(search)]
        kept = [search for search in searches if search not in begun]
        found = {}
        for search in chain(kept, conduct(begun)):
            study = search.study()
            frozen = freeze(search, study, search.refresh(Ledger(), study))
            watcher.end(search, frozen, kept=search in kept)
            found[search.recommender] = frozen
        return found


def finished(searches: Sequence[Search]) -> dict[str, Frozen]:
    """Return what the searches have found that `tune` would not go on with; nothing is written."""
    found = {}
    with database_errors():
        for search in searches:
            if (study := search.known()) is None:
                continue
            size = len(study.get_trials(deepcopy=False))
            ledger = search.refresh(Ledger(), study, failures_from=size)
            if _reason(search, study, ledger) is not None:
                found[search.recommender] = freeze(search, study, ledger)
    return found


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


def _count_what_is_paid(search: Search) -> None:
    """Hold what earlier runs have paid for a search to the cap of this one."""
    if (purse := search.task.settings.purse) is not None:
        purse.add(search.refresh(Ledger(), search.study()).cost)


def _tune(search: Search, crew: Crew, watcher: Watcher, *, kept: bool) -> Frozen:
    study = search.study()
    # A new run is a new chance for what failed: only its own failures in a row count.
    size = len(study.get_trials(deepcopy=False))
    ledger = search.refresh(Ledger(), study, failures_from=size)
    if not kept:
        try:
            _search(search, study, ledger, crew, watcher)
        except KeyboardInterrupt:
            crew.dismiss()
            with search.locked():
                reap(study, search.lifelines, blame=False)
            raise
    frozen = freeze(search, study, ledger)
    watcher.end(search, frozen, kept=kept)
    return frozen


def _reason(search: Search, study: Study, ledger: Ledger) -> str | None:
    """Return why a search does not go on: an earlier run has used up all that this one may."""
    options, ended = search.options, study.user_attrs.get(FINISHED)
    used_up = bool(ended and ended["timed_out"] and options.limit <= ended["seconds"])
    return reason_to_stop(ledger, options, 0.0 if used_up else options.limit - ledger.seconds)


def _search(search: Search, study: Study, ledger: Ledger, crew: Crew, watcher: Watcher) -> None:
    left = max(0.0, search.options.limit - ledger.seconds)
    watcher.begin(search, ledger, left)
    shift = crew.search(search, study, left)
    first = ledger.size
    for news in shift.run():
        if news.kind == "end":
            search.refresh(ledger, study, first)
        watcher.tell(ledger, news)
    search.refresh(ledger, study, first)
    _note_end(search, study, shift.reason, timed_out=shift.reason == time_is_up(search.options))


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
