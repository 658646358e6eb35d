"""One search: what it varies, the study that keeps its trials, and its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from benchkit.components.registry import registry
from benchkit.contracts.config import Choice, Value
from benchkit.contracts.dataset import PreparedDataset
from benchkit.evaluation.settings import Settings, Tuned
from benchkit.evaluation.tasks import Task, plan
from benchkit.tuning.budget import OBJECTIVE, Options
from benchkit.tuning.candidates import Candidates, candidates, space_of
from benchkit.tuning.database import advisory_lock
from benchkit.tuning.ledger import ABOUT, Ledger, folds_of, kind_of, reason_to_stop, study_name
from benchkit.tuning.space import EXACT, Space
from benchkit.tuning.storage import file_of, is_database, lock_folder, shared_storage

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

# Attributes of a study: how it ended ({} while it goes on), and how far it goes, which workers that
# join it keep to.
FINISHED, TERMS = "finished", "terms"
_ABOUT = {
    *("objective", "dataset", "protocol", "recommender", "preset", "values", "space"),
    *("seed", "sampler", "pruner", "warm_start"),
}
# Configurations that a search may exhaust.
_MANY = 10_000


@dataclass(frozen=True)
class Search:
    """The search for one recommender's configuration: small, so that it can be sent to workers.

    Attributes:
        task: evaluation of the configuration that the search starts from, the preset with the
            user's values.
        options: how to search.
        candidates: what may be drawn of parameters that name a component, see `candidates`.
    """

    task: Task
    options: Options
    candidates: Candidates = field(default_factory=dict)

    @property
    def recommender(self) -> str:
        """Name of the recommender."""
        return self.task.recommender

    @cached_property
    def space(self) -> Space:
        """The parameters that are searched."""
        return space_of(self.task, self.candidates)

    @cached_property
    def parts(self) -> set[str]:
        """Other recommenders that it may build on, whatever its trials draw."""
        drawn = [
            {field.name: value}
            for field in registry().recommender(self.recommender).Config.fields()
            if field.param.names == "recommender"
            and isinstance(search := self.space.ranges.get(field.name), Choice)
            for value in search.values
        ]
        return {part for values in ({}, *drawn) for part in self.task.parts(values)}

    @cached_property
    def configurations(self) -> int | None:
        """How many there are to try, None for more than any search tries."""
        return self.space.size(_MANY)

    def on(self, results: Mapping[str, Tuned]) -> Search:
        """Return the same search, building on the results of the searches of its parts."""
        parts = {part: results[part] for part in sorted(self.parts) if part in results}
        return replace(self, task=self.task.on(parts)) if parts else self

    def within(self, seconds: float) -> Search:
        """Return the same search with another limit of its time."""
        return replace(self, options=replace(self.options, seconds=seconds))

    def reason_to_stop(self, ledger: Ledger, left: float) -> str | None:
        """Return why no further trial may begin, or None; `left` are the seconds that are left."""
        return reason_to_stop(ledger, self.options, left, self.configurations)

    @cached_property
    def name(self) -> str:
        """Name of the study."""
        return study_name(self.about())

    def about(self) -> dict[str, Any]:
        """Return what shapes the search, as plain data."""
        identity, settings, options = self.task.identity, self.task.settings, self.options
        searches = self.task.search.get("parts", {})
        parts = {name: dict(part["values"]) for name, part in searches.items()}
        return {
            "objective": OBJECTIVE,
            "dataset": dict(identity.dataset),
            "protocol": dict(identity.protocol),
            "recommender": dict(identity.recommender),
            "builds_on": dict(identity.builds_on),
            "start": dict(identity.config),
            "preset": settings.preset,
            "overrides": self.task.overrides,
            "values": self._values(),
            "space": self.space.describe(),
            "seed": identity.seed,
            "sampler": options.sampler,
            "pruner": options.pruner,
            "warm_start": options.warm_start,
            **({"embedders": list(settings.embedders)} if settings.embedders else {}),
            **({"parts": parts} if parts else {}),
        }

    def _values(self) -> dict[str, dict[str, Any]]:
        """Return the user's values, but for those that shape no result."""
        overrides = {name: dict(v) for name, v in self.task.settings.overrides.items()}
        own = overrides.get(self.recommender, {})
        for name in own.keys() - self.task.identity.config.keys():
            del own[name]
        return overrides

    def terms(self) -> dict[str, Any]:
        """Return how far the search goes, and what its sampler comes from, as plain data."""
        from importlib.metadata import version

        options = self.options
        return {"trials": options.trials, "seconds": options.limit, "optuna": version("optuna")}

    @property
    def heartbeats(self) -> Path:
        """Folder of the workers' heartbeats."""
        return lock_folder(self.options.storage, self.task.settings.out) / "alive"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other processes from changing the study, those of other machines too."""
        folder = lock_folder(self.options.storage, self.task.settings.out) / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        storage = shared_storage(self.options.storage)
        with FileLock(folder / f"{self.name}.lock"), advisory_lock(storage, self.name):
            yield

    def study(self) -> Study:
        """Return the study, which is created if it does not exist; its first trial is the preset.

        Raises:
            StorageError: the storage cannot be opened.
        """
        import optuna

        with self.locked():
            study = optuna.create_study(
                study_name=self.name,
                storage=shared_storage(self.options.storage),
                direction="maximize",
                load_if_exists=True,
            )
            trials = study.get_trials(deepcopy=False)
            tried = [self.values(trial) for trial in trials if kind_of(trial) != "lost"]
            if self.options.warm_start and self.space.base not in tried:
                within, exact = self.space.start()
                study.enqueue_trial(within, user_attrs={EXACT: exact} if exact else None)
            if ABOUT not in study.user_attrs:
                study.set_user_attr(ABOUT, self.about())
        return study

    def existing_study(self) -> Study | None:
        """Return the study if there is one; none is created."""
        import optuna

        storage = self.options.storage
        path = file_of(storage)
        if path is not None and not path.exists():
            return None
        try:
            return optuna.load_study(study_name=self.name, storage=shared_storage(storage))
        except KeyError:
            return None

    def ledger(self, study: Study, failures_from: int = 0) -> Ledger:
        """Return a new ledger of the study, see `Ledger.refresh`."""
        return self.refresh(Ledger(), study, failures_from)

    def refresh(self, ledger: Ledger, study: Study, failures_from: int = 0) -> Ledger:
        """Bring a ledger of the study up to date and return it."""
        return ledger.refresh(study, self.values, failures_from)

    def result(self, study: Study, ledger: Ledger | None = None) -> Tuned:
        """Return the best configuration of a study, and how it was found.

        Where no trial has finished there is none: the configuration that the search started from
        stands, and ``best`` of the record's ``search`` is None.
        """
        ledger = self.ledger(study) if ledger is None else ledger
        values = {} if ledger.best is None else self.values(ledger.best)
        tuned = {name: values[name] for name in self.space.ranges} if values else {}
        return Tuned(tuned, self._provenance(study, ledger))

    def _provenance(self, study: Study, ledger: Ledger) -> dict[str, Any]:
        """Return what a record keeps: plain data that come back from JSON as they are."""
        from importlib.metadata import version

        about = study.user_attrs.get(ABOUT, {})
        ended = study.user_attrs.get(FINISHED, {})
        best = ledger.best
        return {
            "study": self.name,
            "storage": "database" if is_database(self.options.storage) else "journal",
            "objective": f"{about.get('objective')} summed over the folds",
            "sampler": self.options.sampler,
            "pruner": self.options.pruner,
            "versions": {"optuna": version("optuna")},
            "space": self.space.describe(),
            "preset": about.get("preset"),
            "ties": self.task.settings.protocol.ties,
            "seed": self.task.settings.seed,
            "warm_start": self.options.warm_start,
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

    def values(self, trial: FrozenTrial) -> Mapping[str, Value]:
        """Return the whole configuration of a trial."""
        return self.space.values(trial)


def about_of(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a study is about by its attributes; None where benchkit cannot read them.

    Another version of it may have written them, or other software.
    """
    about = attributes.get(ABOUT)
    if not isinstance(about, Mapping) or not about.keys() >= _ABOUT:
        return None
    parts = (about["dataset"], about["recommender"])
    return about if all(isinstance(part, Mapping) and "name" in part for part in parts) else None


def plan_search(
    prepared: PreparedDataset, name: str, settings: Settings, options: Options
) -> Search | None:
    """Return the search for a recommender's configuration; None where there is nothing to search.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    permitted = candidates(name, prepared, settings)
    search = Search(plan(prepared, name, settings), options, permitted)
    return search if search.space.ranges else None
