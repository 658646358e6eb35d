"""Joining the searches that a run has begun, from another process or machine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import BenchkitError, DataError, UnavailableError
from benchkit.contracts.protocol import Protocol
from benchkit.evaluation.availability import reason_against
from benchkit.evaluation.settings import Frozen, Settings
from benchkit.tuning.budget import Options
from benchkit.tuning.crew import Crew, Shift
from benchkit.tuning.differences import differences
from benchkit.tuning.frozen import freeze
from benchkit.tuning.ledger import Kind, Ledger, kind_of
from benchkit.tuning.lifeline import reap
from benchkit.tuning.search import FINISHED, TERMS, Search, about_of, plan_search
from benchkit.tuning.storage import file_of, shared_storage
from benchkit.tuning.tune import Watcher

if TYPE_CHECKING:
    from optuna import Study

# Seconds between two looks whether the run has ended a search.
_PAUSE = 1.0


@dataclass(frozen=True)
class Begun:
    """A search that a run has begun, as the storage tells it.

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


def begun(storage: str, dataset: str, recommenders: Sequence[str] = ()) -> list[Begun]:
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
    studies = sorted(shared_storage(storage).get_all_studies(), key=lambda each: each._study_id)
    found = [
        Begun(
            each.study_name,
            about,
            each.user_attrs[TERMS],
            bool(each.user_attrs.get(FINISHED)),
        )
        for each in studies
        if (about := about_of(each.user_attrs)) is not None and TERMS in each.user_attrs
    ]
    return [
        each
        for each in found
        if each.about["dataset"]["name"] in (dataset, f"{dataset}-sample")
        and (not recommenders or each.recommender in recommenders)
    ]


def same_data(each: Begun, prepared: PreparedDataset) -> None:
    """Check that a search is on the data that are here.

    Raises:
        DataError: it is not.
    """
    there = each.about["dataset"]
    if there["fingerprint"] != prepared.fingerprint:
        raise DataError(
            f"the data here, {prepared.name}, have the fingerprint {prepared.fingerprint[:12]}; "
            f"the study {each.study} is on {there['name']} with the fingerprint "
            f"{there['fingerprint'][:12]}: give --raw the same files that the run read"
        )


def rebuild(
    each: Begun, prepared: PreparedDataset, storage: str, workspace: Path, out: Path
) -> Search:
    """Return the search as the run has it, able to run here.

    Raises:
        BenchkitError: it cannot be the same here, or not run, and why.
    """
    same_data(each, prepared)
    about, terms = each.about, each.terms
    settings = Settings(
        protocol=Protocol.of(about["protocol"]),
        preset=about["preset"],
        overrides=about["values"],
        cutoffs=(1,),
        seed=about["seed"],
        workspace=workspace,
        out=out,
        max_cost=0.0,  # the run guards what may be paid; nobody counts over machines
        frozen={
            name: Frozen(values, {"study": ""}) for name, values in about.get("parts", {}).items()
        },
        embedders=about.get("embedders", ()),
    )
    options = Options(
        about["sampler"],
        about["pruner"],
        about["warm_start"],
        storage,
        terms["trials"],
        terms["seconds"],
    )
    search = plan_search(prepared, each.recommender, settings, options)
    here = {} if search is None else {**search.about(), "optuna": search.terms()["optuna"]}
    found = differences({**about, "optuna": terms["optuna"]}, here)
    if search is None or found:
        raise UnavailableError(f"{each.recommender} is not the same here: {'; '.join(found)}")
    reason = reason_against(each.recommender, prepared, settings, named=True, paying=False)
    if reason is not None:
        raise UnavailableError(f"{each.recommender} cannot run here: {reason}")
    return search


@dataclass
class Help:
    """What a worker does for the searches of a run, until each is over.

    Attributes:
        crew: the processes that work.
        watcher: told what is going on.
        until: when to leave, by the monotonic clock.
        counts: trials that were done, by what has become of them.
        searches: how many were worked on.
    """

    crew: Crew
    watcher: Watcher
    until: float = float("inf")
    counts: Counter[Kind] = field(default_factory=Counter)
    searches: int = 0

    @property
    def time_is_up(self) -> bool:
        """Whether it is time to leave."""
        return time.monotonic() >= self.until

    def all(
        self, look: Callable[[], Sequence[Begun]], rebuilt: Callable[[Begun], Search]
    ) -> dict[str, BenchkitError]:
        """Work on all searches that are open, and return why some cannot be joined, by study.

        Args:
            look: returns the searches that there are.
            rebuilt: returns one as it is here, or raises why it cannot be.
        """
        known: set[str] = set()
        refused: dict[str, BenchkitError] = {}
        while not self.time_is_up:
            waiting = [each for each in look() if not each.over and each.study not in known]
            if not waiting:
                break
            known.add(waiting[0].study)
            try:
                search = rebuilt(waiting[0])
            except BenchkitError as error:
                refused[waiting[0].study] = error
            else:
                self.one(search)
        return refused

    def one(self, search: Search) -> None:
        """Work on a search until it is over or it is time to leave."""
        study = search.study()
        with search.locked():
            reap(study, search.lifelines)
        size = len(study.get_trials(deepcopy=False))
        ledger = search.refresh(Ledger(), study, failures_from=size)
        left = max(0.0, search.options.limit - ledger.seconds)
        self.searches += 1
        self.watcher.begin(search, ledger, left)
        ours: set[int] = set()
        shift = self.crew.search(search, study, left)
        try:
            self._follow(shift, ledger, ours)
        finally:
            if self.crew.busy:  # we leave: what our processes are at, somebody has to try again
                self.crew.dismiss()
                with search.locked():
                    reap(study, search.lifelines, blame=False)
            self._count(study, ours)
        search.refresh(ledger, study, size)
        self.watcher.end(search, freeze(search, study, ledger), kept=False)

    def _follow(self, shift: Shift, ledger: Ledger, ours: set[int]) -> None:
        looked, first = time.monotonic(), ledger.size
        for news in shift.run():
            if news.kind == "end":
                ours.add(news.trial)
                shift.search.refresh(ledger, shift.study, first)
            self.watcher.tell(ledger, news)
            if self.time_is_up:
                return
            if time.monotonic() - looked > _PAUSE:
                looked = time.monotonic()
                if shift.study.user_attrs.get(FINISHED):
                    return

    def _count(self, study: Study, ours: set[int]) -> None:
        trials = study.get_trials(deepcopy=False)
        ended = (trials[number] for number in ours if number >= 0)
        self.counts.update(kind_of(trial) for trial in ended if trial.state.is_finished())
