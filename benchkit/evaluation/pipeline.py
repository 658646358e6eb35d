"""One way through: split, fit, recommend, measure, record, in that order, for one recommender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from benchkit.components.configure import Dependency, dependencies
from benchkit.components.registry import registry
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import StorageError
from benchkit.contracts.metric import Metric
from benchkit.contracts.prompted import PromptedRecommender, Work
from benchkit.contracts.protocol import Protocol
from benchkit.contracts.recommender import Recommendations, Recommender
from benchkit.data.open import load_prepared
from benchkit.data.split import Split, split_sessions
from benchkit.evaluation.bench import Workbench
from benchkit.evaluation.measure import Measured, measure
from benchkit.evaluation.recommend import fit, recommend
from benchkit.evaluation.settings import Progress, Settings, Tuned, usual_preset
from benchkit.leaderboards import store
from benchkit.leaderboards.record import TUNED, Identity, Record
from benchkit.leaderboards.store import DamagedRecordError
from benchkit.toolkit.machine import environment, peak_memory
from benchkit.toolkit.spending import Account
from benchkit.toolkit.workspace import workspace


@dataclass(frozen=True)
class Task:
    """One recommender to evaluate: small, so that another process can be told.

    Attributes:
        identity: what shapes the result.
        settings: of the run.
        config: all of the recommender's parameters, those that shape no result too.
    """

    identity: Identity
    settings: Settings
    config: Mapping[str, Any]

    @property
    def recommender(self) -> str:
        """Name of the recommender."""
        return self.identity.recommender["name"]

    @property
    def overrides(self) -> dict[str, Any]:
        """The values that the user set, as the configuration has them, where they shape results."""
        given = self.settings.overrides.get(self.recommender, {})
        shaping = self.identity.config
        return {name: shaping[name] for name in given if name in shaping}

    @property
    def given(self) -> dict[str, Any]:
        """The values that the user set, those of what it builds on too (``lsa.dims``)."""
        found = self.overrides
        for part, about in self.identity.builds_on.items():
            kind, _, name = part.partition(":")
            config = {} if kind == "file" else about["config"]  # what shapes results, no device
            set_there = self.settings.overrides.get(name, {})
            found |= {f"{name}.{key}": config[key] for key in set_there if key in config}
        return found

    def parts(self, values: Mapping[str, Any]) -> set[str]:
        """Return the recommenders that it builds on where it is set to some values."""
        settings, family = self.settings, self.identity.dataset["family"]
        made = settings.configured(self.recommender, {**self.config, **values}, family)
        below = (part.partition(":") for part in _builds_on(made, family, settings))
        return {name for kind, _, name in below if kind == "recommender"}

    def on(self, parts: Mapping[str, Tuned]) -> Task:
        """Return the same task, building on the results of searches for its parts, by name."""
        settings = replace(self.settings, tuned={**self.settings.tuned, **parts})
        family = self.identity.dataset["family"]
        recommender = settings.configured(self.recommender, self.config, family)
        below = _builds_on(recommender, family, settings)
        return replace(self, settings=settings, identity=replace(self.identity, builds_on=below))

    @property
    def preset(self) -> str:
        """Where values came from that the user did not set."""
        return TUNED if self.search else self.settings.preset

    @property
    def search(self) -> Mapping[str, Any]:
        """How the configuration was found, {} without a search.

        ``parts`` are the searches that have found values of what it builds on, by recommender.
        """
        return _search_of(self.recommender, self.identity.builds_on, self.settings)

    def finished(self) -> Record | None:
        """Return the record of an earlier run with the same identity and all the cutoffs.

        Where the search has gone on since and found nothing better, the record learns of it.

        Raises:
            DamagedRecordError: there is one that cannot be used, or its lists cannot.
            StorageError: there is one that only others can read.
        """
        found = store.find(self.settings.out, self.identity)
        if found is None:
            return None
        store.check_lists(self.identity.folder(self.settings.out), found)
        if self.missing(found):
            return None
        if found.search != self.search:
            found = replace(found, search=self.search)
            store.rewrite(self.identity.folder(self.settings.out), found)
        return found

    def missing(self, record: Record) -> set[str]:
        """Return the metrics that a record lacks, of those that are installed now.

        It lacks those, too, whose source has changed since they were computed.
        """
        sources = _metric_sources()
        edited = {
            name
            for name, source in record.metric_sources.items()
            if sources.get(name, source) != source
        }
        known = {
            key
            for key in (*record.metrics, *record.failed_metrics)
            if key.rpartition("@")[0] not in edited
        }
        return {f"{name}@{k}" for name in sources for k in self.settings.cutoffs} - known


def plan(prepared: PreparedDataset, name: str, settings: Settings) -> Task:
    """Return the task of evaluating one recommender.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    if (own := registry().recommender(name).protocol) is not None:
        settings = replace(settings, protocol=replace(settings.protocol, name=own))
    if _asks_all(settings.protocol, prepared):
        settings = replace(settings, protocol=replace(settings.protocol, max_prompts=None))
    values = settings.values(name).get(name, {})
    recommender = settings.configured(name, values, prepared.family)
    builds_on = _builds_on(recommender, prepared.family, settings)
    search = _search_of(name, builds_on, settings)
    identity = Identity(
        dataset={
            "name": prepared.name,
            "family": prepared.family,
            "synthetic": prepared.synthetic,
            "config": dict(prepared.config),
            "fingerprint": prepared.fingerprint,
        },
        protocol=settings.protocol.as_record(prepared.file_order),
        recommender={"name": name, **registry().get("recommender", name).origin()},
        config=recommender.identity(),
        seed=settings.seed,
        depth=max(settings.cutoffs),
        builds_on=builds_on,
        search=search.get("study") or "+".join(part["study"] for part in _parts(search)),
    )
    return Task(identity, settings, recommender.config.as_dict())


def _search_of(name: str, builds_on: Mapping[str, Any], settings: Settings) -> Mapping[str, Any]:
    """Return how a recommender's configuration, and that of what it builds on, were found."""
    parts = {
        part: {"study": tuned.search["study"], "values": dict(tuned.values)}
        for part, tuned in settings.tuned.items()
        if tuned.values and f"recommender:{part}" in builds_on
    }
    own = settings.tuned[name].search if name in settings.tuned else {}
    return {**own, "parts": parts} if parts else own


def _parts(search: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(search.get("parts", {}).values())


def _asks_all(protocol: Protocol, prepared: PreparedDataset) -> bool:
    """Return whether `max_prompts` permits all prompts there are: that is no subset."""
    most = protocol.max_prompts
    return most is not None and most >= split_sessions(prepared, protocol).card.prompts


def _builds_on(recommender: Recommender, family: str, settings: Settings) -> dict[str, Any]:
    below = dependencies(
        recommender,
        settings.values(recommender.name),
        family=family,
        preset=settings.preset,
        exclude_prompt=settings.protocol.strict,
    )
    files = {f"file:{name}": digest for name, digest in recommender.reads().items()}
    return {f"{each.component.kind}:{each.component.name}": _about(each) for each in below} | files


def _about(dependency: Dependency) -> dict[str, Any]:
    component = dependency.component
    origin = registry().get(component.kind, component.name).origin()
    return {**origin, "config": dependency.identity()}


def execute(task: Task, progress: Progress, report: Progress) -> Record:
    """Evaluate one recommender and return its record, from an earlier run where there is one.

    Two processes with the same task do the work once: the second waits for the first.

    Args:
        task: what to evaluate.
        progress: told the name of each stage as it begins.
        report: told a line at a time how a long fit is going.

    Raises:
        BenchkitError: whatever the user can mend; any other exception is the recommender's.
    """
    settings, identity = task.settings, task.identity
    folder = identity.folder(settings.out)
    with store.lock(settings.out, identity):
        try:
            if (finished := task.finished()) is not None:
                return finished
        except DamagedRecordError as error:
            report(store.set_aside(error))
        prepared = load_prepared(
            settings.workspace,
            identity.dataset["name"],
            identity.dataset["fingerprint"],
            identity.protocol,
        )
        split = split_sessions(prepared, settings.protocol)
        try:
            kept = store.find(settings.out, identity)
            if kept is not None:
                kept = replace(kept, asked=now())
                return remeasure(folder, kept, prepared, split, settings.cutoffs)
        except DamagedRecordError as error:  # its lists
            report(store.set_aside(error))
        return _evaluate(task, prepared, split, progress, report)


def _evaluate(
    task: Task, prepared: PreparedDataset, split: Split, progress: Progress, report: Progress
) -> Record:
    settings, identity = task.settings, task.identity
    bench = _bench(task, prepared, split, task.settings.spending(), report)
    recommender = _recommender(task, prepared)
    progress("fit")
    fit_seconds = fit(recommender, bench)
    progress("recommend")
    lists, recommend_seconds = recommend(recommender, split.test.prompts, identity.depth, bench)
    progress("measure")
    measured = measure_all(lists, split, prepared, settings.cutoffs)
    finished = Record(
        identity=identity,
        preset=task.preset,
        overrides=task.given,
        experiment=settings.experiment,
        metrics=measured.summaries,
        failed_metrics=measured.failed,
        metric_sources=_metric_sources(),
        prompts=len(split.test.truth),
        # What an earlier fit did is part of what the model cost.
        seconds={
            "fit": fit_seconds + sum(bench.weights.values()),
            "recommend": recommend_seconds,
        },
        peak_memory=peak_memory(),
        split=asdict(split.card),
        environment=environment(),
        created=now(),
        api=bench.spending.used(),
        weights=sorted(bench.weights),
        search=task.search,
        diagnostics=_diagnostics(recommender),
    )
    store.write(
        settings.out, finished, lists, split.test.prompts.ids, split.test.truth, measured.values
    )
    return finished


def _bench(
    task: Task,
    prepared: PreparedDataset,
    split: Split,
    spending: Account,
    report: Progress = lambda _line: None,
) -> Workbench:
    settings = task.settings
    counts = split.item_counts(prepared), split.session_counts(prepared)
    values = settings.values(task.recommender)
    bench = settings.bench(prepared, split.train, *counts, spending, values, report)
    return replace(
        bench,
        checkpoints=store.weights_folder(settings.out, prepared.name),
        declared=frozenset(task.identity.builds_on),
    )


def _recommender(task: Task, prepared: PreparedDataset) -> Recommender:
    return task.settings.configured(task.recommender, task.config, prepared.family)


def refit(
    out: Path, record: Record, prepared: PreparedDataset, split: Split, report: Progress
) -> tuple[Recommender, Workbench]:
    """Return a record's recommender, fitted as for the record, and its bench; nothing is paid.

    Kept weights serve again; where there are none, it is fitted once more.

    Args:
        out: folder of the leaderboards.
        record: what to fit again.
        prepared: the data that it is of.
        split: their split.
        report: told a line at a time how a long fit is going.

    Raises:
        BenchkitError: it cannot run here, or would have to pay.
    """
    about = record.identity
    settings = Settings(
        protocol=split.protocol,
        preset=usual_preset(prepared) if record.preset == TUNED else record.preset,
        overrides=_values_below(about),
        cutoffs=[about.depth],
        seed=about.seed,
        workspace=workspace(),
        out=out,
        max_cost=0.0,
    )
    config = _parameters("recommender", about.recommender["name"], about.config)
    task = Task(about, settings, config)
    recommender = _recommender(task, prepared)
    if _configs(_builds_on(recommender, prepared.family, settings)) != _configs(about.builds_on):
        raise StorageError(
            f"what {task.recommender} builds on is not what it was; run it again with "
            "`benchkit run`"
        )
    bench = _bench(task, prepared, split, settings.spending(), report)
    fit(recommender, bench)
    return recommender, bench


def _values_below(about: Identity) -> dict[str, dict[str, Any]]:
    """Return the parameters of everything that a record builds on, by component."""
    return {
        name: _parameters(kind, name, config)
        for (kind, name), config in _configs(about.builds_on).items()
    }


def _configs(builds_on: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    parts = {tuple(part.split(":", 1)): known for part, known in builds_on.items()}
    return {(k, n): known["config"] for (k, n), known in parts.items() if k != "file"}


def _parameters(kind: str, name: str, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters among what a component said of itself."""
    names = {field.name for field in registry().get(kind, name).component.Config.fields()}
    return {key: value for key, value in identity.items() if key in names}


def forecast(task: Task, prepared: PreparedDataset) -> Work | None:
    """Return what a prompted recommender would still ask for; None for any other.

    Nothing is sent and nobody is paid.

    Raises:
        BenchkitError: it cannot be told here, and why.
    """
    recommender = _recommender(task, prepared)
    if not isinstance(recommender, PromptedRecommender):
        return None
    split = split_sessions(prepared, task.settings.protocol)
    bench = _bench(task, prepared, split, Account(cap=0.0))
    return recommender.estimate(split.train, split.test.prompts, bench)


def _diagnostics(recommender: Recommender) -> dict[str, float]:
    return dict(recommender.diagnostics()) if isinstance(recommender, PromptedRecommender) else {}


def remeasure(
    folder: Path,
    record: Record,
    prepared: PreparedDataset,
    split: Split,
    cutoffs: Sequence[int],
) -> Record:
    """Compute all installed metrics again from a record's kept lists and return the new record.

    Args:
        folder: of the record.
        record: as it was.
        prepared: the data that it is of.
        split: their split.
        cutoffs: where to cut, besides where the record did.

    Raises:
        DamagedRecordError: the lists cannot be used.
        StorageError: the record cannot be written.
    """
    lists, _, truth = store.read_lists(folder, record)
    if not np.array_equal(truth, split.test.truth):
        raise DamagedRecordError(folder, f"{folder} holds the lists of other prompts")
    names = (*record.metrics, *record.failed_metrics)
    known = {record.identity.depth, *(int(name.rpartition("@")[2]) for name in names)}
    measured = measure_all(lists, split, prepared, sorted(known.union(cutoffs)))
    renewed = replace(
        record,
        metrics=measured.summaries,
        failed_metrics=measured.failed,
        metric_sources=_metric_sources(),
    )
    store.rewrite_metrics(folder, renewed, measured.values)
    return renewed


def measure_all(
    lists: Recommendations, split: Split, prepared: PreparedDataset, cutoffs: Sequence[int]
) -> Measured:
    """Return what all installed metrics say about lists for the test prompts of a split."""
    metrics: dict[str, Metric] = {name: kind() for name, kind in registry().metrics().items()}
    return measure(
        lists.items,
        split.test.truth,
        split.item_counts(prepared),
        prepared.catalog,
        cutoffs,
        metrics,
    )


def _metric_sources() -> dict[str, str]:
    """Return a digest of each installed metric's source."""
    return {name: registry().get("metric", name).source_digest() for name in registry().metrics()}


def now() -> str:
    """Return the time as records keep it, ISO 8601 in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
