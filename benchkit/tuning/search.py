"""One search: what is to be found, and the study that keeps it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from benchkit.contracts.config import Value
from benchkit.contracts.dataset import PreparedDataset
from benchkit.pipeline import Task, plan
from benchkit.registry import registry
from benchkit.settings import Settings
from benchkit.tuning.budget import OBJECTIVE, Options
from benchkit.tuning.database import locked_there
from benchkit.tuning.ledger import Ledger
from benchkit.tuning.space import EXACT, Space
from benchkit.tuning.storage import file_of, room, shared_storage

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

# Attributes of a study: what it is about, how it ended ({} while somebody searches), and how far
# it goes, which whoever joins it keeps to.
ABOUT, FINISHED, TERMS = "about", "finished", "terms"


@dataclass(frozen=True)
class Search:
    """The search for one recommender's configuration: small, so that workers can be told.

    Attributes:
        task: evaluation of the configuration that the search starts from, the preset with the
            user's values.
        options: how to search.
    """

    task: Task
    options: Options

    @property
    def recommender(self) -> str:
        """Name of the recommender."""
        return self.task.recommender

    @cached_property
    def space(self) -> Space:
        """What is searched."""
        kind = registry().recommender(self.recommender)
        return Space.of(kind.Config.fields(), self.task.config, self.task.overrides)

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
        }

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
            if ABOUT not in study.user_attrs:
                if self.options.warm_start and not study.get_trials(deepcopy=False):
                    within, exact = self.space.start()
                    study.enqueue_trial(within, user_attrs={EXACT: exact} if exact else None)
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


def plan_search(
    prepared: PreparedDataset, name: str, settings: Settings, options: Options
) -> Search | None:
    """Return the search for a recommender's configuration; None where there is nothing to search.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    search = Search(plan(prepared, name, settings), options)
    return search if search.space.ranges else None
