"""Samplers and pruners by name: the protocol's, or whatever Optuna brings."""

from __future__ import annotations

import inspect
import re
import warnings
from typing import TYPE_CHECKING, Any

from benchkit.contracts.errors import ConfigError, UnavailableError, unknown_name
from benchkit.tuning.budget import RANDOM_STARTS

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


def sampler(
    name: str, seed: int, *, alone: bool = True, random_starts: int = RANDOM_STARTS
) -> BaseSampler:
    """Return a new sampler.

    Args:
        name: ``tpe``, or any of Optuna's: ``CmaEsSampler`` is ``cmaes`` or ``cma-es``.
        seed: of everything random in it.
        alone: whether no other worker is at a trial; if one is, TPE keeps away from what it tries.
        random_starts: finished trials that there must be before it learns from them.

    Raises:
        ConfigError: there is none of that name.
        UnavailableError: it needs a package that is not installed.
    """
    from optuna import samplers

    kind = _find("sampler", name, samplers, samplers.BaseSampler)
    # Independent parameters, as when the paper was written; Optuna 5 takes them together.
    wanted = {"seed": seed, "n_startup_trials": random_starts, "multivariate": False}
    wanted |= {"constant_liar": not alone}
    wanted |= {"warn_independent_sampling": False, "warn_asynchronous_seeding": False}
    known = inspect.signature(kind.__init__).parameters
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what is experimental or will be renamed
            made: BaseSampler = kind(**{key: v for key, v in wanted.items() if key in known})
    except ImportError as error:
        raise UnavailableError(f"--sampler {name} needs a package: {error}") from error
    return made


def pruner(name: str) -> BasePruner:
    """Return a new pruner: ``bottom`` (the protocol's), ``none``, or any of Optuna's.

    Raises:
        ConfigError: there is none of that name.
    """
    from optuna import pruners

    from benchkit.tuning.budget import FOLD_STEPS
    from benchkit.tuning.pruner import FIRST, BottomPruner

    if name == "bottom":
        return BottomPruner()
    if name == "none":
        return pruners.NopPruner()
    kind = _find("pruner", name, pruners, pruners.BasePruner, also=("bottom", "none"))
    wanted = {"n_startup_trials": FIRST - 1, "min_resource": 1, "max_resource": FOLD_STEPS}
    known = inspect.signature(kind.__init__).parameters
    made: BasePruner = kind(**{key: v for key, v in wanted.items() if key in known})
    return made


def _find(what: str, name: str, module: Any, base: type, also: tuple[str, ...] = ()) -> Any:
    """Return the class of that name among those that need no arguments of their own."""
    kinds = {}
    for found in vars(module).values():
        is_one = isinstance(found, type) and issubclass(found, base) and found is not base
        if is_one and not _demands(found):
            kinds[_plain(found.__name__.removesuffix(what.capitalize()))] = found
    if _plain(name) not in kinds:
        raise ConfigError(f"--{what}: {unknown_name(what, name, {*kinds, *also})}")
    return kinds[_plain(name)]


def _demands(kind: type) -> bool:
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]  # type: ignore[misc]
    usual = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return any(p.default is p.empty and p.kind not in usual for p in parameters)


def _plain(name: str) -> str:
    return re.sub(r"[-_]", "", name).lower()
