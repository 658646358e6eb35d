"""The bottom 20 %, worked by hand; and samplers and pruners by name."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
import pytest
from optuna.trial import TrialState

from benchkit.contracts.errors import ConfigError
from benchkit.tuning.samplers import BottomPruner, pruner, sampler


def study_of(totals: Sequence[Sequence[float]], state: str = "COMPLETE") -> optuna.Study:
    """Return a study whose trials reported these totals after each fold."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", pruner=BottomPruner())
    for steps in totals:
        trial = study.ask()
        for step, value in enumerate(steps, start=1):
            trial.report(value, step)
        if state == "COMPLETE":
            study.tell(trial, steps[-1])
        elif state != "RUNNING":
            study.tell(trial, state=TrialState[state])
    return study


def pruned(study: optuna.Study, *totals: float) -> bool:
    """Tell whether a further trial with these totals is pruned after the last of them."""
    trial = study.ask()
    for step, value in enumerate(totals, start=1):
        trial.report(value, step)
    answer = trial.should_prune()
    study.tell(trial, state=TrialState.PRUNED)
    return answer


@pytest.mark.parametrize(
    ("value", "expected"),
    # nine trials of .1 to .9 and this one: the bottom is floor(.2 * 10) = 2 trials
    [(0.05, True), (0.15, True), (0.25, False), (0.95, False), (0.1, True), (0.2, False)],
)
def test_the_tenth_trial_is_pruned_among_the_two_lowest(value: float, expected: bool) -> None:
    study = study_of([[n / 10] for n in range(1, 10)])
    assert pruned(study, value) is expected


def test_no_trial_before_the_tenth_is_pruned() -> None:
    assert not pruned(study_of([[n / 10] for n in range(1, 9)]), 0.0)


def test_equal_trials_are_not_pruned() -> None:
    assert not pruned(study_of([[0.5]] * 30), 0.5)


def test_trials_are_compared_at_the_same_fold() -> None:
    # After the second fold only five were there, this one makes six: floor(1.2) = 1 is pruned.
    study = study_of([[0.1]] * 7 + [[0.1, n / 10] for n in range(3, 8)])
    assert pruned(study, 0.1, 0.2)
    assert not pruned(study, 0.1, 0.35)


def test_pruned_and_running_trials_were_tested_and_failed_ones_were_not() -> None:
    for state, expected in (("PRUNED", True), ("RUNNING", True), ("FAIL", False)):
        study = study_of([[n / 10] for n in range(1, 11)], state)
        assert pruned(study, 0.05) is expected, state


def test_values_that_come_later_count() -> None:
    study = study_of([[n / 10] for n in range(1, 10)])
    assert not pruned(study, 0.25)  # it is among the trials from now on
    for value in (0.3, 0.3, 0.3, 0.3, 0.3):
        assert not pruned(study, value)
    # 15 tested, and this one: of 16 the lowest 3; only .1 and .2 lie below
    assert pruned(study, 0.22)


@pytest.mark.parametrize("name", ["tpe", "random", "qmc", "gp", "nsgaii", "cma-es"])
def test_samplers_by_name(name: str) -> None:
    try:
        assert name.replace("-", "") in type(sampler(name, 1)).__name__.lower()
    except ImportError:
        pytest.skip("needs a package")


@pytest.mark.parametrize("name", ["bottom", "none", "median", "hyperband", "successive-halving"])
def test_pruners_by_name(name: str) -> None:
    assert isinstance(pruner(name), optuna.pruners.BasePruner)


def test_unknown_names_are_a_sentence() -> None:
    with pytest.raises(ConfigError, match="--sampler: unknown sampler 'tpee'; did you mean tpe"):
        sampler("tpee", 0)
    with pytest.raises(ConfigError, match="bottom"):
        pruner("botom")


def test_the_protocol_starts_with_forty_random_trials() -> None:
    assert vars(sampler("tpe", 0))["_n_startup_trials"] == 40
