"""One trial: ask for a configuration, evaluate it fold by fold, tell its value."""

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
from typing import TYPE_CHECKING, Literal

from optuna.trial import TrialState

from benchkit.contracts.config import Value
from benchkit.contracts.errors import FinalError
from benchkit.evaluation.processes import reason_of
from benchkit.toolkit.spending import Account
from benchkit.tuning.budget import RANDOM_STARTS
from benchkit.tuning.database import why_lost
from benchkit.tuning.heartbeat import Heartbeat, end_trial
from benchkit.tuning.ledger import BEGAN, COST, FINAL, SAME_AS, WORKER, Ledger, digest
from benchkit.tuning.objective import Objective
from benchkit.tuning.samplers import pruner, sampler
from benchkit.tuning.search import Search

if TYPE_CHECKING:
    from optuna import Study, Trial

# Costs are recorded a little ahead of what was paid, so that one record does for many calls; and
# US dollars that are rounding.
_AHEAD, _TINY = 1.05, 1e-9


@dataclass
class Trials:
    """A worker's share of a study: runs one trial after another.

    Failures count in a row from trial `failures_from` on. `report` is called when a trial begins
    and ends, with its number.
    """

    search: Search
    study: Study
    objective: Objective
    heartbeat: Heartbeat
    failures_from: int = 0
    report: Callable[[Literal["trial", "end"], int], None] = lambda _kind, _number: None
    ledger: Ledger = field(default_factory=Ledger)
    _fastest: float = 0.0

    def __post_init__(self) -> None:
        self.study.pruner = pruner(self.search.options.pruner)

    def run_one(self, left: float) -> str | None:
        """Run one trial; return None, or why none may begin.

        Args:
            left: seconds of the search that are left. A trial that could not end in them, by the
            fastest so far, does not begin: it would only cost the worker.
        """
        next_one = self._ask(left if left > self._fastest else 0.0)
        if isinstance(next_one, str):
            return next_one
        trial, config = next_one
        self.report("trial", trial.number)
        try:
            value = self._evaluate(trial, config)
            self.study.tell(trial, value, state=TrialState.PRUNED if value is None else None)
        except BaseException as error:  # a plugin's code may raise anything
            if why_lost(error):  # no fault of the recommender's
                raise
            if isinstance(error, FinalError):
                trial.set_user_attr(FINAL, True)
            self._tell_failure(trial, reason_of(error))
        self.heartbeat.stop()
        self.report("end", trial.number)
        return None

    def _ask(self, left: float) -> str | tuple[Trial, dict[str, Value]]:
        """Return the next trial and its configuration, or why none may begin.

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
            # A heartbeat first: a trial that names a worker has had one.
            self.heartbeat.start(self.study, trial._trial_id)
            trial.set_user_attr(BEGAN, time.time())
            trial.set_user_attr(WORKER, self.heartbeat.name)
            return trial, self.search.space.suggest(trial)

    def _evaluate(self, trial: Trial, config: Mapping[str, Value]) -> float | None:
        """Return the total over the folds, None where the trial is pruned before the last one."""
        start = time.monotonic()
        number, totals = self.ledger.evaluated.get(digest(config), (-1, {}))
        if totals:  # one seed, one result
            trial.set_user_attr(SAME_AS, number)
        total, folds = 0.0, self.objective.folds
        with _costs_recorded(trial, self.objective.spending):
            for fold in range(folds):
                if fold + 1 in totals:
                    total = totals[fold + 1]
                else:
                    total += self.objective.value(config, fold)
                trial.report(total, fold + 1)
                if fold + 1 < folds and trial.should_prune():
                    return None
        if not totals:
            self._fastest = min(self._fastest or math.inf, time.monotonic() - start)
        return total

    def _tell_failure(self, trial: Trial, reason: str) -> None:
        frozen = self.study._storage.get_trial(trial._trial_id)
        if not frozen.state.is_finished():
            end_trial(self.study, frozen, "failed", reason)
        _free_memory()


@contextmanager
def _costs_recorded(trial: Trial, spending: Account) -> Iterator[None]:
    """Keep with a trial what it costs, at any moment, for its worker may be killed."""
    before, recorded, lock = spending.committed, 0.0, threading.Lock()

    def record(committed: float) -> None:
        nonlocal recorded
        with lock:
            if committed - before > recorded:
                recorded = _AHEAD * (committed - before)
                trial.set_user_attr(COST, recorded)

    spending.watch = record
    try:
        yield
    finally:
        spending.watch = None
        cost = spending.committed - before
        if recorded or cost > _TINY:
            trial.set_user_attr(COST, cost)


def _seed(seed: int, number: int) -> int:
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _free_memory() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
