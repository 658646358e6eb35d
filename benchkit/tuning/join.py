"""Joining the searches that a run has begun, from another process or machine."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import BenchkitError, DataError, UnavailableError
from benchkit.contracts.protocol import Protocol
from benchkit.evaluation.availability import why_left_out
from benchkit.evaluation.settings import Settings, Tuned
from benchkit.tuning.budget import Options
from benchkit.tuning.heartbeat import requeue_lost
from benchkit.tuning.ledger import Kind, Ledger, kind_of
from benchkit.tuning.pool import SearchRun, WorkerPool
from benchkit.tuning.progress import SearchProgress
from benchkit.tuning.search import FINISHED, TERMS, Search, about_of, plan_search
from benchkit.tuning.storage import file_of, shared_storage

if TYPE_CHECKING:
    from optuna import Study

# Seconds between two looks whether the run has ended a search.
_PAUSE = 1.0


@dataclass(frozen=True)
class StoredSearch:
    """A search that a run has begun, as the storage describes it.

    Attributes:
        study: name of the study.
        about: what shapes the search.
        terms: how far it goes.
        over: whether the run has ended it.
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
        """Check that the search is on the data of this machine.

        Raises:
            DataError: it is not.
        """
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

    Args:
        storage: an URL of a database, or the path of a journal file.
        dataset: its name.
        recommenders: whose searches; none for all.

    Raises:
        StorageError: the storage cannot be read.
    """
    path = file_of(storage)
    if path is not None and not path.exists():
        return []
    studies = sorted(shared_storage(storage).get_all_studies(), key=lambda study: study._study_id)
    searches = [
        StoredSearch(
            study.study_name,
            about,
            study.user_attrs[TERMS],
            bool(study.user_attrs.get(FINISHED)),
        )
        for study in studies
        if (about := about_of(study.user_attrs)) is not None and TERMS in study.user_attrs
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

    def work_on_all(
        self,
        look: Callable[[], Sequence[StoredSearch]],
        rebuild: Callable[[StoredSearch], Search],
    ) -> dict[str, BenchkitError]:
        """Work on all searches that are open, and return why some cannot be joined, by study.

        Args:
            look: returns the searches in the storage.
            rebuild: returns one as it is here, or raises why it cannot be.
        """
        seen: set[str] = set()
        refused: dict[str, BenchkitError] = {}
        while not self.time_is_up:
            waiting = [s for s in look() if not s.over and s.study not in seen]
            if not waiting:
                break
            seen.add(waiting[0].study)
            try:
                search = rebuild(waiting[0])
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
        size = len(study.get_trials(deepcopy=False))
        ledger = search.ledger(study, failures_from=size)
        left = max(0.0, search.options.limit - ledger.seconds)
        self.searches += 1
        self.progress.begin(search, ledger, left)
        ours: set[int] = set()
        run = self.pool.search(search, study, left)
        try:
            self._follow(run, ledger, ours)
        finally:
            if self.pool.busy:  # we leave: the trials of our processes have to be run again
                self.pool.shutdown()
                with search.locked():
                    requeue_lost(study, search.heartbeats, blame=False)
            self._count(study, ours)
        search.refresh(ledger, study, size)
        self.progress.end(search, search.result(study, ledger), kept=False)

    def _follow(self, run: SearchRun, ledger: Ledger, ours: set[int]) -> None:
        looked, first = time.monotonic(), ledger.size
        for event in run.events():
            if event.kind == "end":
                ours.add(event.trial)
                run.search.refresh(ledger, run.study, first)
            self.progress.update(ledger, event)
            if self.time_is_up:
                return
            if time.monotonic() - looked > _PAUSE:
                looked = time.monotonic()
                if run.study.user_attrs.get(FINISHED):
                    return

    def _count(self, study: Study, ours: set[int]) -> None:
        trials = study.get_trials(deepcopy=False)
        ended = (trials[number] for number in ours if number >= 0)
        self.counts.update(kind_of(trial) for trial in ended if trial.state.is_finished())


def check_runnable(name: str, prepared: PreparedDataset, settings: Settings, where: str) -> None:
    """Check that a recommender can run on this machine.

    Raises:
        UnavailableError: it cannot, and why; it calls this machine `where`.
    """
    reason = why_left_out(name, prepared, settings, named=True, paying=False)
    if reason is not None:
        raise UnavailableError(f"{name} cannot run {where}: {reason}")


def check_same(name: str, theirs: Mapping[str, Any], ours: Mapping[str, Any], where: str) -> None:
    """Check that what shapes a recommender's results is the same as in the run.

    Args:
        name: of the recommender.
        theirs: what shapes them in the run, as plain data.
        ours: the same of this machine; {} where nothing can be searched.
        where: what this machine is called.

    Raises:
        UnavailableError: it is not, and what differs.
    """
    if different := differences(theirs, ours):
        raise UnavailableError(f"{name} is not the same {where}: {'; '.join(different)}")


# Attributes that are components, or hold some by name.
_COMPONENTS = ("recommender", "builds_on")


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Return in words what is not the same, see `check_same`."""
    if not ours:
        return ["there is nothing to search"]
    plain = json.loads(json.dumps(ours))
    keys = [key for key in plain | dict(theirs) if plain.get(key) != theirs.get(key)]
    components = [t for key in _COMPONENTS if key in keys for t in _components(theirs, plain, key)]
    return components + [
        f"{key} is {_show(plain.get(key))}, the run has {_show(theirs.get(key))}"
        for key in keys
        if key not in _COMPONENTS
    ]


def _components(theirs: Mapping[str, Any], ours: Mapping[str, Any], key: str) -> list[str]:
    if key == "recommender":
        return [f"it comes from {_origin(ours[key])}, in the run from {_origin(theirs[key])}"]
    names = sorted({*theirs[key], *ours[key]})
    return [
        f"{name} is {_origin(ours[key].get(name))}, in the run {_origin(theirs[key].get(name))}"
        for name in names
        if ours[key].get(name) != theirs[key].get(name)
    ]


def _origin(component: Mapping[str, Any] | str | None) -> str:
    if component is None:
        return "not used"
    if isinstance(component, str):  # the digest of a file
        return component
    source = f"{component['distribution']} {component['version']} (source {component['source']})"
    values = component.get("config")
    return f"{source} with {_show(values)}" if values else source


def _show(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) < 200 else f"{text[:200]}..."
