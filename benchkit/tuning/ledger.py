"""The trials of a study: counts, the best, time, and when to stop; every trial is read once."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from benchkit.contracts.config import Value
from benchkit.toolkit.times import show_time
from benchkit.tuning.budget import FAILURES, PATIENCE, Options

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

# Attribute of a study: what shapes the search.
ABOUT = "about"
# Attributes of a trial.
KIND, REASON, ENDED, WORKER, RETRIES = "kind", "reason", "ended", "worker", "retries"
# Seconds since 1970: Optuna records the time of day in the zone of the machine.
BEGAN = "began"
SAME_AS, COST, FINAL = "same_as", "cost", "final"
# Trials without a value: the recommender failed; its share of time was over; its worker died with
# the whole run, and its configuration was enqueued again.
Kind = Literal["done", "pruned", "failed", "out of time", "lost"]
KINDS: tuple[Kind, ...] = ("done", "pruned", "failed", "out of time", "lost")
FoldTotals = Mapping[int, float]


@dataclass
class Ledger:
    """The facts of one study, brought up to date by `refresh`.

    Attributes:
        counts: finished trials by kind.
        running: trials that a worker runs, or ran when it died.
        waiting: trials that are enqueued.
        size: trials of every kind.
        best: the finished trial of the largest value, the earliest among equals.
        since_best: trials finished since then, pruned and failed ones included.
        failures: failed trials in a row, the latest ones.
        last_reason: why the latest of them failed.
        final: why one failed after which there must be no other; "" where none did.
        values: of the finished trials, in the order they ended.
        cost: US dollars of paid calls.
        evaluated: by configuration, a trial that computed all folds, and its totals after each.
        tried: configurations that ended by themselves, pruned and failed ones included.
    """

    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    running: int = 0
    waiting: int = 0
    size: int = 0
    best: FrozenTrial | None = None
    since_best: int = 0
    failures: int = 0
    last_reason: str = ""
    final: str = ""
    values: list[float] = field(default_factory=list)
    cost: float = 0.0
    evaluated: dict[str, tuple[int, FoldTotals]] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)
    _open: list[int] = field(default_factory=list)
    _busy: list[tuple[float, float]] = field(default_factory=list)

    @property
    def counted(self) -> int:
        """Trials that use up a budget of trials: those that came to an end by themselves."""
        return self.counts["done"] + self.counts["pruned"] + self.counts["failed"]

    @property
    def seconds(self) -> float:
        """Wall time during which at least one trial ran."""
        total, until = 0.0, float("-inf")
        for start, end in sorted(self._busy):
            total += max(0.0, end - max(start, until))
            until = max(until, end)
        return total

    def refresh(
        self,
        study: Study,
        config: Callable[[FrozenTrial], Mapping[str, Value]],
        failures_from: int = 0,
    ) -> Ledger:
        """Count the trials that have ended since the last time.

        Args:
            study: always the same.
            config: gives a trial's configuration.
            failures_from: failures of trials before this number are not counted in a row.
        """
        trials = study.get_trials(deepcopy=False)
        numbers = [*self._open, *range(self.size, len(trials))]
        ended = [trials[number] for number in numbers if trials[number].state.is_finished()]
        for trial in sorted(ended, key=ended_at):
            self._count(trial, config, failures_from)
        self._open = [number for number in numbers if not trials[number].state.is_finished()]
        self.size = len(trials)
        self.running = sum(trials[n].state.name == "RUNNING" for n in self._open)
        self.waiting = len(self._open) - self.running
        return self

    def _count(
        self,
        trial: FrozenTrial,
        config: Callable[[FrozenTrial], Mapping[str, Value]],
        failures_from: int,
    ) -> None:
        kind = kind_of(trial)
        self.counts[kind] += 1
        self.cost += trial.user_attrs.get(COST, 0.0)
        if trial.datetime_start is not None:
            start = began_at(trial)
            self._busy.append((start, max(start, ended_at(trial))))
        if kind in ("out of time", "lost"):
            return
        self.since_best += 1
        self.tried.add(digest(config(trial)))
        self._count_failure(trial, kind, failures_from)
        if kind == "done":
            self._add_value(trial, config)

    def _count_failure(self, trial: FrozenTrial, kind: Kind, failures_from: int) -> None:
        if kind != "failed":
            self.failures = 0
            return
        self.last_reason = str(trial.user_attrs.get(REASON, ""))
        if trial.number >= failures_from:
            self.failures += 1
            if trial.user_attrs.get(FINAL):
                self.final = self.last_reason

    def _add_value(
        self, trial: FrozenTrial, config: Callable[[FrozenTrial], Mapping[str, Value]]
    ) -> None:
        assert trial.value is not None
        self.values.append(trial.value)
        self.evaluated.setdefault(digest(config(trial)), (trial.number, trial.intermediate_values))
        if self.best is None or trial.value > (self.best.value or 0.0):
            self.best, self.since_best = trial, 0
        elif trial.value == self.best.value and trial.number < self.best.number:
            self.best = trial


def kind_of(trial: FrozenTrial) -> Kind:
    """Return what became of a finished trial."""
    if trial.state.name == "COMPLETE":
        return "done"
    if trial.state.name == "PRUNED":
        return "pruned"
    kind = trial.user_attrs.get(KIND)
    return kind if kind in KINDS else "failed"


def began_at(trial: FrozenTrial) -> float:
    """Return when a trial began, in seconds since 1970; 0 if it has not."""
    if trial.datetime_start is None:
        return 0.0
    began: float = trial.user_attrs.get(BEGAN, trial.datetime_start.timestamp())
    return began


def ended_at(trial: FrozenTrial) -> float:
    """Return when a trial, or the worker that was at it, ended, in seconds since 1970."""
    ended: float | None = trial.user_attrs.get(ENDED)
    if ended is not None:
        return ended
    if trial.datetime_start is None or trial.datetime_complete is None:
        return (trial.datetime_complete or datetime.now()).timestamp()
    # Both by the clock of the machine that ran it.
    return began_at(trial) + (trial.datetime_complete - trial.datetime_start).total_seconds()


def folds_of(trial: FrozenTrial) -> list[float]:
    """Return a trial's value of each fold that it got to."""
    totals = [value for _, value in sorted(trial.intermediate_values.items())]
    return [total - before for total, before in zip(totals, [0.0, *totals], strict=False)]


def study_name(about: Mapping[str, Any]) -> str:
    """Return the name of a study: the recommender, and a digest of all that shapes the search.

    Equal name, equal search; a budget only says how far it goes.
    """
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return f"{about['recommender']['name']}-{digest[:16]}"


def digest(config: Mapping[str, Any]) -> str:
    """Return a text that equal configurations share."""
    return json.dumps(config, sort_keys=True)


def reason_to_stop(
    ledger: Ledger, options: Options, left: float, configurations: int | None = None
) -> str | None:
    """Return why no further trial may begin, or None.

    Args:
        ledger: what the trials have come to.
        options: limits.
        left: seconds of the search's time that are left.
        configurations: how many there are to try, None for more than any search tries.
    """
    trials = math.inf if options.trials is None else options.trials
    most = math.inf if configurations is None else configurations
    reasons = (
        (bool(ledger.final), f"a trial failed as others would: {ledger.final}"),
        (
            ledger.failures >= FAILURES,
            f"{FAILURES} trials in a row failed, the last one: {ledger.last_reason}",
        ),
        (
            ledger.best is not None and ledger.since_best >= PATIENCE,
            f"{PATIENCE} trials without improvement",
        ),
        (len(ledger.tried) >= most, f"all {most} configurations were tried"),
        (ledger.counted + ledger.running >= trials, f"{trials} trials"),
        (left <= 0, time_is_up(options)),
    )
    return next((reason for holds, reason in reasons if holds), None)


def time_is_up(options: Options) -> str:
    """Return the reason to stop when a search's time is over."""
    return f"its {show_time(options.limit)} are over"
