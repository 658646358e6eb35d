"""One search: what is to be found, and the study that keeps it."""

from __future__ import annotations

import hashlib
import json
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
from benchkit.evaluation.pipeline import Task, plan
from benchkit.evaluation.settings import Frozen, Settings
from benchkit.tuning.budget import OBJECTIVE, Options
from benchkit.tuning.candidates import Candidates, candidates, space_of
from benchkit.tuning.database import locked_there
from benchkit.tuning.ledger import Ledger
from benchkit.tuning.space import EXACT, Space
from benchkit.tuning.stopping import reason_to_stop
from benchkit.tuning.storage import file_of, room, shared_storage

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

# Attributes of a study: what it is about, how it ended ({} while somebody searches), and how far
# it goes, which whoever joins it keeps to.
ABOUT, FINISHED, TERMS = "about", "finished", "terms"
_ABOUT = {
    *("objective", "dataset", "protocol", "recommender", "preset", "values", "space"),
    *("seed", "sampler", "pruner", "warm_start"),
}
# Configurations that a search may exhaust.
_MANY = 10_000


@dataclass(frozen=True)
class Search:
    """The search for one recommender's configuration: small, so that workers can be told.

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
        """What is searched."""
        return space_of(self.task, self.candidates)

    @cached_property
    def parts(self) -> set[str]:
        """Other recommenders that it may build on, whichever its own search draws."""
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

    def on(self, found: Mapping[str, Frozen]) -> Search:
        """Return the same search, building on what searches of its parts have found."""
        parts = {part: found[part] for part in sorted(self.parts) if part in found}
        return replace(self, task=self.task.on(parts)) if parts else self

    def within(self, seconds: float) -> Search:
        """Return the same search with another limit of its time."""
        return replace(self, options=replace(self.options, seconds=seconds))

    def reason_to_stop(self, ledger: Ledger, left: float) -> str | None:
        """Return why no further trial may begin, or None; `left` is what is left of its seconds."""
        return reason_to_stop(ledger, self.options, left, self.configurations)

    @cached_property
    def name(self) -> str:
        """Name of the study: the recommender, and a digest of all that shapes the search.

        Equal name, equal search; a budget only says how far it goes.
        """
        text = json.dumps(self.about(), sort_keys=True)
        return f"{self.recommender}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def about(self) -> dict[str, Any]:
        """Return what shapes the search, as plain data."""
        identity, settings, options = self.task.identity, self.task.settings, self.options
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
            **({"parts": parts} if (parts := self._parts()) else {}),
        }

    def _parts(self) -> dict[str, dict[str, Any]]:
        """Return what this run's searches have found for what the recommender builds on."""
        parts = self.task.search.get("parts", {})
        return {name: dict(part["values"]) for name, part in parts.items()}

    def _values(self) -> dict[str, dict[str, Any]]:
        """Return the user's values as they were given, but for those that shape no result."""
        shaping, given = self.task.identity.config, self.task.settings.overrides
        found = {name: dict(values) for name, values in given.items()}
        own = found.get(self.recommender, {})
        for name in own.keys() - shaping.keys():
            del own[name]
        return found

    def terms(self) -> dict[str, Any]:
        """Return how far the search goes, and what its sampler comes from, as plain data."""
        from importlib.metadata import version

        options = self.options
        return {"trials": options.trials, "seconds": options.limit, "optuna": version("optuna")}

    @property
    def lifelines(self) -> Path:
        """Folder of the workers' signs of life."""
        return room(self.options.storage, self.task.settings.out) / "alive"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other processes from changing the study, those of other machines too."""
        folder = room(self.options.storage, self.task.settings.out) / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        storage = shared_storage(self.options.storage)
        with FileLock(folder / f"{self.name}.lock"), locked_there(storage, self.name):
            yield

    def study(self) -> Study:
        """Return the study, which is made where there is none; its first trial is the preset.

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
            tried = map(self.values, study.get_trials(deepcopy=False))
            if self.options.warm_start and self.space.base not in tried:
                within, exact = self.space.start()
                study.enqueue_trial(within, user_attrs={EXACT: exact} if exact else None)
            if ABOUT not in study.user_attrs:
                study.set_user_attr(ABOUT, self.about())
        return study

    def known(self) -> Study | None:
        """Return the study if there is one; none is made."""
        import optuna

        storage = self.options.storage
        path = file_of(storage)
        if path is not None and not path.exists():
            return None
        try:
            return optuna.load_study(study_name=self.name, storage=shared_storage(storage))
        except KeyError:
            return None

    def refresh(self, ledger: Ledger, study: Study, failures_from: int = 0) -> Ledger:
        """Bring a ledger of the study up to date and return it."""
        return ledger.refresh(study, self.values, failures_from)

    def values(self, trial: FrozenTrial) -> Mapping[str, Value]:
        """Return the whole configuration of a trial."""
        return self.space.values(trial)


def about_of(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a study's attributes say it is about; None where that is not ours to read.

    Another version of benchkit may have written it, or other software.
    """
    about = attributes.get(ABOUT)
    if not isinstance(about, Mapping) or not about.keys() >= _ABOUT:
        return None
    named = (about["dataset"], about["recommender"])
    return about if all(isinstance(each, Mapping) and "name" in each for each in named) else None


def plan_search(
    prepared: PreparedDataset, name: str, settings: Settings, options: Options
) -> Search | None:
    """Return the search for a recommender's configuration; None where there is nothing to search.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    found = candidates(name, prepared, settings)
    search = Search(plan(prepared, name, settings), options, found)
    return search if search.space.ranges else None
