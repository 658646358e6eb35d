"""One trial: claimed, evaluated fold by fold, told."""

from __future__ import annotations

import gc
import hashlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchkit.contracts.config import Value
from benchkit.contracts.errors import FinalError
from benchkit.evaluation.jobs import reason_of
from benchkit.toolkit.spending import Account
from benchkit.tuning.budget import RANDOM_STARTS
from benchkit.tuning.database import lost
from benchkit.tuning.ledger import BEGAN, COST, FINAL, SAME_AS, WORKER, Known, Ledger, digest
from benchkit.tuning.lifeline import Lifeline, end
from benchkit.tuning.names import pruner, sampler
from benchkit.tuning.objective import Objective
from benchkit.tuning.search import Search

if TYPE_CHECKING:
    from optuna import Study, Trial

# Times its cost that a trial is noted to cost while it goes on, and US dollars that are rounding.
_AHEAD, _TINY = 1.05, 1e-9


@dataclass
class Trials:
    """A worker's share of a study: claims trials and evaluates them, one after the other.

    Attributes:
        search: what is searched.
        study: its study.
        objective: evaluates a configuration on a fold.
        lifeline: the worker's.
        failures_from: number of the first trial whose failure counts in a row.
        tell: told ``trial``, ``fold`` and ``end`` with the trial's number.
    """

    search: Search
    study: Study
    objective: Objective
    lifeline: Lifeline
    failures_from: int = 0
    tell: Callable[[str, int], None] = lambda _what, _number: None
    ledger: Ledger = field(default_factory=Ledger)
    _fastest: float = 0.0

    def __post_init__(self) -> None:
        self.study.pruner = pruner(self.search.options.pruner)

    def go_on(self, left: float) -> str | None:
        """Do one trial; return None, or why none may begin.

        Args:
            left: seconds of the search that are left. A trial that could not end in them, by the
            fastest so far, does not begin: it would only cost the worker.
        """
        claimed = self._claim(left if left > self._fastest else 0.0)
        if isinstance(claimed, str):
            return claimed
        trial, config = claimed
        self.tell("trial", trial.number)
        start, known = time.monotonic(), digest(config) in self.ledger.known
        try:
            if self._evaluate(trial, config) and not known:
                self._fastest = min(self._fastest or math.inf, time.monotonic() - start)
        except BaseException as error:  # a stranger's code may raise anything
            if lost(error):  # no fault of the recommender's
                raise
            if isinstance(error, FinalError):
                trial.set_user_attr(FINAL, True)
            self._fail(trial, reason_of(error))
        self.lifeline.rests()
        self.tell("end", trial.number)
        return None

    def _claim(self, left: float) -> str | tuple[Trial, dict[str, Value]]:
        """Return the next trial and its configuration, or why there is none.

        Under the study's lock: so a budget of trials is kept, each worker's sampler knows the
        trials of the others, and a running trial without a worker's name is one of a dead worker.
        """
        with self.search.locked():
            self.search.refresh(self.ledger, self.study, self.failures_from)
            reason = self.search.reason_to_stop(self.ledger, left)
            if reason is not None:
                return reason
            # By the trial's number: neither two workers nor a resumed search draw the same again.
            seed = _seed(self.search.task.settings.seed, self.ledger.size)
            alone = self.ledger.running == 0
            options = self.search.options
            starts = RANDOM_STARTS + options.warm_start
            self.study.sampler = sampler(options.sampler, seed, alone=alone, random_starts=starts)
            trial = self.study.ask()
            # A sign of life first: a trial that names a worker has had one.
            self.lifeline.works_on(self.study, trial._trial_id)
            trial.set_user_attr(BEGAN, time.time())
            trial.set_user_attr(WORKER, self.lifeline.name)
            return trial, self.search.space.suggest(trial)

    def _evaluate(self, trial: Trial, config: Mapping[str, Value]) -> bool:
        """Evaluate a configuration on each fold and tell; return whether it got to the last."""
        from optuna.trial import TrialState

        number, totals = self.ledger.known.get(digest(config), (-1, None))
        if totals is not None:  # one seed, one result
            trial.set_user_attr(SAME_AS, number)
        total = 0.0
        with _billed(trial, self.objective.spending):
            for fold in range(self.objective.folds):
                total = self._total(config, fold, total, totals)
                trial.report(total, fold + 1)
                self.tell("fold", trial.number)
                if fold + 1 < self.objective.folds and trial.should_prune():
                    self.study.tell(trial, state=TrialState.PRUNED)
                    return False
        self.study.tell(trial, total)
        return True

    def _total(
        self, config: Mapping[str, Value], fold: int, before: float, totals: Known | None
    ) -> float:
        """Return the total after a fold, computed or known."""
        if totals is not None and fold + 1 in totals:
            return totals[fold + 1]
        return before + self.objective.value(config, fold)

    def _fail(self, trial: Trial, reason: str) -> None:
        frozen = self.study._storage.get_trial(trial._trial_id)
        if not frozen.state.is_finished():
            end(self.study, frozen, "failed", reason)
        _free_memory()


@contextmanager
def _billed(trial: Trial, spending: Account) -> Iterator[None]:
    """Keep with a trial what it costs, at any moment, for its worker may be killed.

    What is noted is a little ahead of what was promised, so one note does for many calls.
    """
    before, noted, lock = spending.committed, 0.0, threading.Lock()

    def note(committed: float) -> None:
        nonlocal noted
        with lock:
            if committed - before > noted:
                noted = _AHEAD * (committed - before)
                trial.set_user_attr(COST, noted)

    spending.watch = note
    try:
        yield
    finally:
        spending.watch = None
        cost = spending.committed - before
        if noted or cost > _TINY:
            trial.set_user_attr(COST, cost)


def _seed(seed: int, number: int) -> int:
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _free_memory() -> None:
    """Give back what a failed fit has left, here and on a GPU."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
