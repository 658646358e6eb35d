"""Joining the searches that a run has begun, from another process or machine."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchkit.components.registry import registry
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import BenchkitError, DataError, UnavailableError
from benchkit.contracts.protocol import Protocol
from benchkit.data.open import open_dataset
from benchkit.evaluation.availability import why_left_out
from benchkit.evaluation.settings import Settings, Tuned
from benchkit.toolkit.session_log import read_name
from benchkit.tuning.budget import Options
from benchkit.tuning.heartbeat import requeue_lost
from benchkit.tuning.ledger import Kind, kind_of
from benchkit.tuning.pool import SearchRun, WorkerPool
from benchkit.tuning.progress import SearchProgress
from benchkit.tuning.search import FINISHED, TERMS, Search, about_of, plan_search
from benchkit.tuning.storage import file_of, shared_storage

# Seconds between two looks whether the run has ended a search.
_PAUSE = 1.0


@dataclass(frozen=True)
class StoredSearch:
    """A search that a run has begun, as the attributes of its study describe it.

    `about` is what shapes it, `terms` say how far it goes; when it is `over`, the run has ended it.
    """

    study: str
    about: Mapping[str, Any]
    terms: Mapping[str, Any]
    over: bool

    @property
    def recommender(self) -> str:
        """Name of the recommender."""
        return str(self.about["recommender"]["name"])

    def check_data(self, prepared: PreparedDataset) -> None:
        """Raise DataError unless the search is on these data."""
        dataset = self.about["dataset"]
        if dataset["fingerprint"] != prepared.fingerprint:
            raise DataError(
                f"the data here, {prepared.name}, have the fingerprint "
                f"{prepared.fingerprint[:12]}; the study {self.study} is on {dataset['name']} with "
                f"the fingerprint {dataset['fingerprint'][:12]}: give --raw the same files that "
                "the run read"
            )


def stored_searches(
    storage: str, dataset: str, recommenders: Sequence[str] = ()
) -> list[StoredSearch]:
    """Return the searches on a dataset or its sample, in the order of the run.

    They are those of some recommenders, where any are named.

    Raises:
        StorageError: the storage cannot be read.
    """
    path = file_of(storage)
    if path is not None and not path.exists():
        return []
    studies = sorted(shared_storage(storage).get_all_studies(), key=lambda study: study._study_id)
    searches = [
        StoredSearch(study.study_name, about, attributes[TERMS], bool(attributes.get(FINISHED)))
        for study in studies
        if (about := about_of(attributes := study.user_attrs)) is not None and TERMS in attributes
    ]
    return [
        search
        for search in searches
        if search.about["dataset"]["name"] in (dataset, f"{dataset}-sample")
        and (not recommenders or search.recommender in recommenders)
    ]


def rebuild(
    stored: StoredSearch, prepared: PreparedDataset, storage: str, workspace: Path, out: Path
) -> Search:
    """Return the search as the run has it, able to run here.

    Raises:
        BenchkitError: it cannot be the same here, or not run, and why.
    """
    stored.check_data(prepared)
    about, terms, name = stored.about, stored.terms, stored.recommender
    settings = Settings(
        protocol=Protocol.of(about["protocol"]),
        preset=about["preset"],
        overrides=about["values"],
        cutoffs=(1,),
        seed=about["seed"],
        workspace=workspace,
        out=out,
        tuned={part: Tuned(v, {"study": ""}) for part, v in about.get("parts", {}).items()},
        embedders=about.get("embedders", ()),
    ).on_machine(workspace, out)
    options = Options(
        sampler=about["sampler"],
        pruner=about["pruner"],
        warm_start=about["warm_start"],
        storage=storage,
        trials=terms["trials"],
        seconds=terms["seconds"],
    )
    search = plan_search(prepared, name, settings, options)
    ours = {} if search is None else {**search.about(), "optuna": search.terms()["optuna"]}
    check_same(name, {**about, "optuna": terms["optuna"]}, ours, "here")
    check_runnable(name, prepared, settings, "here")
    assert search is not None
    return search


@dataclass(frozen=True)
class Studies:
    """The searches on a dataset in a storage, and the data prepared as each of them needs them.

    Attributes:
        storage: where the run keeps its studies.
        dataset: name of the dataset, or path of its TOML file.
        names: of recommenders; none for all.
        raw: folder of the raw files; None for the workspace's.
        workspace: of this machine.
        out: folder of the leaderboards.
    """

    storage: str
    dataset: str
    names: Sequence[str]
    raw: Path | None
    workspace: Path
    out: Path
    _prepared: dict[str, PreparedDataset] = field(default_factory=dict)

    def look(self) -> list[StoredSearch]:
        """Return the searches in the storage now."""
        file = self.dataset.endswith(".toml")
        name = read_name(Path(self.dataset)) if file else self.dataset
        return stored_searches(self.storage, name, self.names)

    def rebuild(self, stored: StoredSearch) -> Search:
        """Return a search as it is here, see `rebuild`."""
        return rebuild(stored, self._data(stored), self.storage, self.workspace, self.out)

    def check(self) -> None:
        """Raise BenchkitError unless there are searches, and some are on the data that are here."""
        if not self.dataset.endswith(".toml"):
            registry().get("dataset", self.dataset)
        searches = self.look()
        if not searches:
            of = f" of {' or '.join(self.names)}" if self.names else ""
            raise BenchkitError(
                f"no run has begun a search{of} on {self.dataset} in this storage; `benchkit run "
                f"--dataset {self.dataset} --storage ...` with the same storage begins some"
            )
        refused = []
        for search in searches:
            try:
                search.check_data(self._data(search))
            except BenchkitError as error:
                refused.append(error)
        if len(refused) == len(searches):
            raise refused[-1]

    def _data(self, search: StoredSearch) -> PreparedDataset:
        config = search.about["dataset"]["config"]
        key = json.dumps(config, sort_keys=True)
        if key not in self._prepared:
            self._prepared[key] = open_dataset(self.dataset, self.workspace, self.raw, config)
        return self._prepared[key]


@dataclass
class Helper:
    """The work of `benchkit worker` on the searches of a run, until each is over.

    Attributes:
        pool: the processes that work.
        progress: shows how it goes.
        until: when to leave, by the monotonic clock.
        counts: trials that were run, by what became of them.
        searches: how many were worked on.
    """

    pool: WorkerPool
    progress: SearchProgress
    until: float = float("inf")
    counts: Counter[Kind] = field(default_factory=Counter)
    searches: int = 0

    @property
    def time_is_up(self) -> bool:
        """Whether it is time to leave."""
        return time.monotonic() >= self.until

    def work_on_all(self, studies: Studies) -> dict[str, BenchkitError]:
        """Work on all open searches; return why some cannot be worked on, by study."""
        seen: set[str] = set()
        refused: dict[str, BenchkitError] = {}
        while not self.time_is_up:
            waiting = [s for s in studies.look() if not s.over and s.study not in seen]
            if not waiting:
                break
            seen.add(waiting[0].study)
            try:
                search = studies.rebuild(waiting[0])
            except BenchkitError as error:
                refused[waiting[0].study] = error
            else:
                self.work_on(search)
        return refused

    def work_on(self, search: Search) -> None:
        """Work on a search until it is over or it is time to leave."""
        study = search.study()
        with search.locked():
            requeue_lost(study, search.heartbeats)
        ledger = search.ledger(study, failures_from=len(study.get_trials(deepcopy=False)))
        left = max(0.0, search.options.limit - ledger.seconds)
        self.searches += 1
        self.progress.begin(search, ledger, left)
        ours: set[int] = set()
        run = SearchRun(self.pool, search, study, ledger, left)
        try:
            self._follow(run, ours)
        finally:
            if self.pool.busy:
                run.abandon()
            trials = study.get_trials(deepcopy=False)
            ended = (trials[number] for number in ours if number >= 0)
            self.counts.update(kind_of(trial) for trial in ended if trial.state.is_finished())
        self.progress.end(search, search.result(study, ledger), kept=False)

    def _follow(self, run: SearchRun, ours: set[int]) -> None:
        """Show how it goes, and note the trials that ended here."""
        looked = time.monotonic()
        for event in run.events():
            if event.kind == "end":
                ours.add(event.trial)
            self.progress.update(run.ledger, event)
            if self.time_is_up:
                return
            if time.monotonic() - looked > _PAUSE:
                looked = time.monotonic()
                if run.study.user_attrs.get(FINISHED):
                    return


def check_runnable(name: str, prepared: PreparedDataset, settings: Settings, where: str) -> None:
    """Raise UnavailableError where a recommender cannot run here, on the machine called `where`."""
    reason = why_left_out(name, prepared, settings, named=True, paying=False)
    if reason is not None:
        raise UnavailableError(f"{name} cannot run {where}: {reason}")


def check_same(name: str, theirs: Mapping[str, Any], ours: Mapping[str, Any], where: str) -> None:
    """Raise UnavailableError where not the same shapes a recommender's results as in the run.

    Args:
        name: of the recommender.
        theirs: what shapes them in the run, as plain data.
        ours: the same of this machine; {} where nothing can be searched.
        where: what this machine is called.
    """
    if different := differences(theirs, ours):
        raise UnavailableError(f"{name} is not the same {where}: {'; '.join(different)}")


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Return in words what is not the same, see `check_same`."""
    if not ours:
        return ["there is nothing to search"]
    here, run = _facts(ours), _facts(theirs)
    return [
        f"{name} is {_show(here.get(name))}, the run has {_show(run.get(name))}"
        for name in here | run
        if here.get(name) != run.get(name)
    ]


def _facts(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what shapes results, the recommender and all that it builds on among the rest."""
    facts: dict[str, Any] = json.loads(json.dumps(about))
    recommender, below = facts.pop("recommender"), facts.pop("builds_on", {})
    return {recommender.pop("name", "the recommender"): recommender, **below, **facts}


def _show(value: Any) -> str:
    if isinstance(value, dict) and "distribution" in value:  # a component
        config = f" with {_show(value['config'])}" if value.get("config") else ""
        return f"{value['distribution']} {value['version']} (source {value['source']}){config}"
    if value is None:
        return "absent"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) < 200 else f"{text[:200]}..."
