"""Samplers and pruners by name: the protocol's, or any of Optuna's. Importing it imports Optuna."""

from __future__ import annotations

import inspect
import re
import warnings
from typing import Any

from optuna import Study, pruners, samplers
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from benchkit.contracts.errors import ConfigError, UnavailableError, unknown_name
from benchkit.tuning.budget import FOLD_STEPS, RANDOM_STARTS

_BOTTOM = 0.2
_FIRST_PRUNED = 10
_REPORTED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


def sampler(
    name: str, seed: int, *, alone: bool = True, random_starts: int = RANDOM_STARTS
) -> BaseSampler:
    """Return a new sampler.

    Args:
        name: ``tpe``, or any of Optuna's: ``CmaEsSampler`` is ``cmaes`` or ``cma-es``.
        seed: of everything random in it.
        alone: whether no other worker runs a trial; if one does, TPE keeps away from its
            configuration.
        random_starts: finished trials before it learns from them.

    Raises:
        ConfigError: no sampler has that name.
        UnavailableError: it needs a package that is not installed.
    """
    cls = _find("sampler", name, samplers, BaseSampler)
    # Independent parameters, as when the paper was written; Optuna 5 takes them together.
    arguments = {"seed": seed, "n_startup_trials": random_starts, "multivariate": False}
    arguments |= {"constant_liar": not alone}
    arguments |= {"warn_independent_sampling": False, "warn_asynchronous_seeding": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what is experimental or will be renamed
            instance: BaseSampler = _create(cls, arguments)
    except ImportError as error:
        raise UnavailableError(f"--sampler {name} needs a package: {error}") from error
    return instance


def pruner(name: str) -> BasePruner:
    """Return a new pruner: ``bottom`` (the protocol's), ``none``, or any of Optuna's.

    Raises:
        ConfigError: no pruner has that name.
    """
    if name == "bottom":
        return BottomPruner()
    if name == "none":
        return pruners.NopPruner()
    cls = _find("pruner", name, pruners, BasePruner, ours=("bottom", "none"))
    arguments = {
        "n_startup_trials": _FIRST_PRUNED - 1,
        "min_resource": 1,
        "max_resource": FOLD_STEPS,
    }
    instance: BasePruner = _create(cls, arguments)
    return instance


def _create(cls: Any, arguments: dict[str, Any]) -> Any:
    """Create an instance with those of the arguments that its class takes."""
    accepted = inspect.signature(cls.__init__).parameters
    return cls(**{key: value for key, value in arguments.items() if key in accepted})


def _find(what: str, name: str, module: Any, base: type, ours: tuple[str, ...] = ()) -> Any:
    """Return the class of that name among those without required arguments."""
    classes = {
        _normalized(cls.__name__.removesuffix(what.capitalize())): cls
        for cls in vars(module).values()
        if isinstance(cls, type)
        and issubclass(cls, base)
        and cls is not base
        and not _has_required_arguments(cls)
    }
    if _normalized(name) not in classes:
        raise ConfigError(f"--{what}: {unknown_name(what, name, {*classes, *ours})}")
    return classes[_normalized(name)]


def _has_required_arguments(cls: type) -> bool:
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return any(p.default is p.empty and p.kind not in variadic for p in parameters)


def _normalized(name: str) -> str:
    return re.sub(r"[-_]", "", name).lower()


class BottomPruner(BasePruner):
    """Prunes, after each fold, a trial in the bottom 20 % of those tested so far at that fold.

    Paper 7.1.4. Of ``n`` trials tested at the fold, this one among them, the bottom holds
    ``floor(0.2 n)``. A trial that shares its value with others is in the bottom only if all of
    them are. Values are totals over the folds so far.

    Args:
        share: of the trials, that are pruned.
        first: trial from which on trials are pruned, counted from 1.
    """

    def __init__(self, share: float = _BOTTOM, first: int = _FIRST_PRUNED) -> None:
        self.share, self.first = share, first

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Tell whether to prune, at the last step that the trial has reported."""
        step = trial.last_step
        if step is None or trial.number + 1 < self.first:
            return False
        values = [
            other.intermediate_values[step]
            for other in study.get_trials(deepcopy=False, states=_REPORTED)
            if step in other.intermediate_values and other.number != trial.number
        ]
        not_better = sum(value <= trial.intermediate_values[step] for value in values)
        return not_better < int(self.share * (len(values) + 1) + 1e-9)
