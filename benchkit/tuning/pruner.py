"""The protocol's pruner: what is among the worst after a fold is not taken to the next."""

from __future__ import annotations

from bisect import bisect_right, insort

from optuna import Study  # this module is imported only by those who search
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

SHARE = 0.2
FIRST = 10
_TESTED = (TrialState.COMPLETE, TrialState.PRUNED)


class BottomPruner(BasePruner):
    """Prunes, after each fold, a trial in the bottom 20 % of those tested so far at that fold.

    Paper 7.1.4. Of ``n`` trials tested at the fold, this one among them, the bottom holds
    ``floor(0.2 n)``. Equal values are worse than nobody's: a trial that shares its value with
    others is in the bottom only if all of them are. Values are totals over the folds so far.

    Args:
        share: of the trials, that are pruned.
        first: trial from which on trials are pruned, counted from 1.
    """

    def __init__(self, share: float = SHARE, first: int = FIRST) -> None:
        self.share, self.first = share, first
        # Finished trials never change: each is read once, not at every decision.
        self._study, self._read = "", 0
        self._open: list[int] = []
        self._values: dict[int, list[float]] = {}

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Tell whether to prune, at the last step that the trial has reported."""
        step = trial.last_step
        if step is None or trial.number + 1 < self.first:
            return False
        value = trial.intermediate_values[step]
        finished, running = self._tested(study, trial, step)
        bottom = int(self.share * (len(finished) + len(running) + 1) + 1e-9)
        return bisect_right(finished, value) + sum(v <= value for v in running) < bottom

    def _tested(
        self, study: Study, trial: FrozenTrial, step: int
    ) -> tuple[list[float], list[float]]:
        """Return the values at a step of the other trials, finished and running ones."""
        if self._study != study.study_name:
            self._study, self._read, self._open, self._values = study.study_name, 0, [], {}
        trials = study.get_trials(deepcopy=False)
        numbers = [*self._open, *range(self._read, len(trials))]
        self._read = len(trials)
        self._open = [n for n in numbers if not trials[n].state.is_finished()]
        for number in numbers:
            if trials[number].state in _TESTED:
                for at, value in trials[number].intermediate_values.items():
                    insort(self._values.setdefault(at, []), value)
        others = (trials[n].intermediate_values for n in self._open if n != trial.number)
        return self._values.get(step, []), [values[step] for values in others if step in values]
