"""What a study's trials have come to: counts, the best, time; every trial is read once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from benchkit.contracts.config import Value

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

# Attributes of a trial.
KIND, REASON, ENDED, WORKER, RETRIES = "kind", "reason", "ended", "worker", "retries"
# Seconds since 1970: Optuna notes the time of day of whatever zone a machine is in.
BEGAN = "began"
SAME_AS, COST, FINAL = "same_as", "cost", "final"
# Why a trial has no value: the recommender's fault; its share of time was over; its worker died
# with the whole run, and its configuration was enqueued again.
Kind = Literal["done", "pruned", "failed", "out of time", "lost"]
KINDS: tuple[Kind, ...] = ("done", "pruned", "failed", "out of time", "lost")
Known = Mapping[int, float]


@dataclass
class Ledger:
    """The facts of one study, brought up to date by `refresh`.

    Attributes:
        counts: finished trials by kind.
        running: trials that some worker is at, or was when it died.
        waiting: trials that are enqueued.
        size: trials of every kind.
        best: the finished trial of the largest value, the earliest among equals.
        since_best: trials finished since then, pruned and failed ones included.
        failures: failed trials in a row, the latest ones.
        last_reason: why the latest of them failed.
        final: why one failed after which there must be no other; "" where none did.
        values: of the finished trials, in the order they ended.
        cost: US dollars of paid calls.
        known: totals after each fold, by configuration, where all folds were computed.
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
    known: dict[str, tuple[int, Known]] = field(default_factory=dict)
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
        """Take in what has ended since the last time.

        Args:
            study: always the same.
            config: gives a trial's configuration.
            failures_from: failures of trials before this number are not counted in a row.
        """
        trials = study.get_trials(deepcopy=False)
        numbers = [*self._open, *range(self.size, len(trials))]
        ended = [trials[number] for number in numbers if trials[number].state.is_finished()]
        for trial in sorted(ended, key=ended_at):
            self._take(trial, config, failures_from)
        self._open = [number for number in numbers if not trials[number].state.is_finished()]
        self.size = len(trials)
        self.running = sum(trials[n].state.name == "RUNNING" for n in self._open)
        self.waiting = len(self._open) - self.running
        return self

    def _take(
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
        self._note_failure(trial, kind, failures_from)
        if kind == "done":
            self._note_value(trial, config)

    def _note_failure(self, trial: FrozenTrial, kind: Kind, failures_from: int) -> None:
        if kind != "failed":
            self.failures = 0
            return
        self.last_reason = str(trial.user_attrs.get(REASON, ""))
        if trial.number >= failures_from:
            self.failures += 1
            if trial.user_attrs.get(FINAL):
                self.final = self.last_reason

    def _note_value(
        self, trial: FrozenTrial, config: Callable[[FrozenTrial], Mapping[str, Value]]
    ) -> None:
        assert trial.value is not None
        self.values.append(trial.value)
        self.known.setdefault(digest(config(trial)), (trial.number, trial.intermediate_values))
        if self.best is None or trial.value > (self.best.value or 0.0):
            self.best, self.since_best = trial, 0
        elif trial.value == self.best.value and trial.number < self.best.number:
            self.best = trial


def kind_of(trial: FrozenTrial) -> Kind:
    """Return what has become of a finished trial."""
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
    known: float | None = trial.user_attrs.get(ENDED)
    if known is not None:
        return known
    if trial.datetime_start is None or trial.datetime_complete is None:
        return (trial.datetime_complete or datetime.now()).timestamp()
    # Both by the clock of the machine that told it.
    return began_at(trial) + (trial.datetime_complete - trial.datetime_start).total_seconds()


def folds_of(trial: FrozenTrial) -> list[float]:
    """Return a trial's value of each fold that it got to."""
    totals = [value for _, value in sorted(trial.intermediate_values.items())]
    return [total - before for total, before in zip(totals, [0.0, *totals], strict=False)]


def digest(config: Mapping[str, Any]) -> str:
    """Return a text that equal configurations share."""
    return json.dumps(config, sort_keys=True)
