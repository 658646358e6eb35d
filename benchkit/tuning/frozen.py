"""What a search has come to, frozen before the test set is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchkit.evaluation.settings import Frozen
from benchkit.tuning.ledger import Ledger, folds_of
from benchkit.tuning.search import ABOUT, FINISHED, Search
from benchkit.tuning.storage import is_database

if TYPE_CHECKING:
    from optuna import Study


def freeze(search: Search, study: Study, ledger: Ledger) -> Frozen:
    """Return the best configuration of a study, and how it was found.

    Where no trial has finished there is none: the configuration that the search started from
    stands, and ``best`` of the record's ``search`` is None.
    """
    best = ledger.best
    values = {} if best is None else search.values(best)
    found = {name: values[name] for name in search.space.ranges} if values else {}
    return Frozen(found, _about(search, study, ledger))


def _about(search: Search, study: Study, ledger: Ledger) -> dict[str, Any]:
    """Return what a record keeps: plain data that come back from JSON as they are."""
    from importlib.metadata import version

    about = study.user_attrs.get(ABOUT, {})
    ended = study.user_attrs.get(FINISHED, {})
    best = ledger.best
    return {
        "study": search.name,
        "storage": "database" if is_database(search.options.storage) else "journal",
        "objective": f"{about.get('objective')} summed over the folds",
        "sampler": search.options.sampler,
        "pruner": search.options.pruner,
        "versions": {"optuna": version("optuna")},
        "space": search.space.describe(),
        "preset": about.get("preset"),
        "ties": search.task.settings.protocol.ties,
        "seed": search.task.settings.seed,
        "warm_start": search.options.warm_start,
        "budget": {"trials": ended.get("trials"), "seconds": ended.get("seconds")},
        "ended": ended.get("reason", ""),
        "trials": {kind.replace(" ", "_"): count for kind, count in ledger.counts.items()},
        **({"failure": ledger.last_reason} if ledger.last_reason else {}),
        "seconds": round(ledger.seconds, 3),
        "cost": ledger.cost,
        "best": None
        if best is None
        else {"value": best.value, "trial": best.number, "folds": folds_of(best)},
    }
