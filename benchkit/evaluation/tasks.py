"""Tasks: one recommender on one dataset, configured, and all that identifies its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchkit.components.configure import Dependency, Presets
from benchkit.components.registry import registry
from benchkit.contracts.arrays import Int64
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.recommender import Recommender
from benchkit.contracts.sessions import Sessions
from benchkit.data.sealed import Sealed
from benchkit.data.split import split_sessions
from benchkit.evaluation.bench import Workbench
from benchkit.evaluation.measure import metric_sources
from benchkit.evaluation.settings import Settings, Tuned
from benchkit.leaderboards import store
from benchkit.leaderboards.record import TUNED, Identity, Record
from benchkit.toolkit.spending import Account


@dataclass(frozen=True)
class Task:
    """One recommender to evaluate: small, so that it can be sent to another process.

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
    def presets(self) -> Presets:
        """Where values come from that the user did not set."""
        return self.settings.presets(self.identity.dataset["family"])

    @property
    def preset(self) -> str:
        """What a record names as the origin of such values."""
        return TUNED if self.search else self.settings.preset

    @property
    def overrides(self) -> dict[str, Any]:
        """The values that the user set, as the configuration has them, where they shape results."""
        config = self.identity.config
        names = self.settings.overrides.get(self.recommender, {})
        return {name: config[name] for name in names if name in config}

    @property
    def all_overrides(self) -> dict[str, Any]:
        """The `overrides` with those of what it builds on (``lsa.dims``)."""
        overrides = self.overrides
        for (_, name), config in configs(self.identity.builds_on).items():
            names = self.settings.overrides.get(name, {})
            overrides |= {f"{name}.{key}": config[key] for key in names if key in config}
        return overrides

    @property
    def search(self) -> Mapping[str, Any]:
        """How the configuration was found, {} without a search.

        ``parts`` are the searches that have found values of what it builds on, by recommender.
        """
        return _search_of(self.recommender, self.identity.builds_on, self.settings)

    def configured(self, values: Mapping[str, Any] | None = None) -> Recommender:
        """Return the recommender, with `values` in place of `config`."""
        return self.presets.configure(self.recommender, self.config if values is None else values)

    def bench(
        self,
        data: PreparedDataset | Sealed,
        train: Sessions,
        counts: tuple[Int64, Int64],
        spending: Account,
        values: Mapping[str, Mapping[str, Any]] | None = None,
        report: Callable[[str], None] = lambda _line: None,
    ) -> Workbench:
        """Return the bench of some training sessions; it keeps no weights.

        Args:
            data: the dataset, or what a search may know of it.
            train: what to fit on.
            counts: popularity, as the protocol counts it, and sessions that contain each item,
                ``int64[items]`` each.
            spending: what paid calls may cost.
            values: what components are set to; None for `Settings.values`.
            report: called with each line about how a long fit is going.
        """
        settings = self.settings
        return Workbench(
            catalog=data.catalog,
            train=train,
            item_counts=counts[0],
            session_counts=counts[1],
            seed=settings.seed,
            presets=self.presets,
            only_trained=settings.protocol.strict,
            values=settings.values(self.recommender) if values is None else values,
            workspace=settings.workspace,
            spending=spending,
            report=report,
        )

    def parts(self, values: Mapping[str, Any]) -> set[str]:
        """Return the recommenders that it builds on where it is set to some values."""
        recommender = self.configured({**self.config, **values})
        kinds = configs(builds_on(recommender, self.presets, self.settings))
        return {name for kind, name in kinds if kind == "recommender"}

    def on(self, parts: Mapping[str, Tuned]) -> Task:
        """Return the same task, building on the results of searches for its parts, by name."""
        settings = replace(self.settings, tuned={**self.settings.tuned, **parts})
        below = builds_on(self.configured(), self.presets, settings)
        return replace(self, settings=settings, identity=replace(self.identity, builds_on=below))

    def finished(self) -> Record | None:
        """Return the record of an earlier run with the same identity and all the cutoffs.

        Where the search has gone on since and found nothing better, the record learns of it.

        Raises:
            DamagedRecordError: there is one that cannot be used, or its lists cannot.
            StorageError: there is one that only others can read.
        """
        folder = self.identity.folder(self.settings.out)
        record = store.find(self.settings.out, self.identity)
        if record is None:
            return None
        store.check_lists(folder, record)
        if self.missing(record):
            return None
        if record.search != self.search:
            record = replace(record, search=self.search)
            store.rewrite(folder, record)
        return record

    def missing(self, record: Record) -> set[str]:
        """Return the installed metrics that a record lacks, or has by another source than now."""
        now, then = metric_sources(), record.metric_sources
        edited = {name for name in then if now.get(name, then[name]) != then[name]}
        measured = {
            key
            for key in (*record.metrics, *record.failed_metrics)
            if key.rpartition("@")[0] not in edited
        }
        return {f"{name}@{k}" for name in now for k in self.settings.cutoffs} - measured


def plan(prepared: PreparedDataset, name: str, settings: Settings) -> Task:
    """Return the task of evaluating one recommender.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    protocol = settings.protocol
    if (own := registry().recommender(name).protocol) is not None:
        protocol = replace(protocol, name=own)
    most = protocol.max_prompts
    if most is not None and most >= split_sessions(prepared, protocol).card.prompts:
        protocol = replace(protocol, max_prompts=None)  # all there are is no subset
    settings = replace(settings, protocol=protocol)
    presets = settings.presets(prepared.family)
    recommender = presets.configure(name, settings.values(name).get(name, {}))
    below = builds_on(recommender, presets, settings)
    search = _search_of(name, below, settings)
    studies = [part["study"] for part in search.get("parts", {}).values()]
    identity = Identity(
        dataset={
            "name": prepared.name,
            "family": prepared.family,
            "synthetic": prepared.synthetic,
            "config": dict(prepared.config),
            "fingerprint": prepared.fingerprint,
        },
        protocol=protocol.as_record(prepared.file_order),
        recommender={"name": name, **registry().get("recommender", name).origin()},
        config=recommender.identity(),
        seed=settings.seed,
        depth=max(settings.cutoffs),
        builds_on=below,
        search=search.get("study") or "+".join(studies),
    )
    return Task(identity, settings, recommender.config.as_dict())


def _search_of(name: str, below: Mapping[str, Any], settings: Settings) -> Mapping[str, Any]:
    parts = {
        part: {"study": tuned.search["study"], "values": dict(tuned.values)}
        for part, tuned in settings.tuned.items()
        if tuned.values and f"recommender:{part}" in below
    }
    own = settings.tuned[name].search if name in settings.tuned else {}
    return {**own, "parts": parts} if parts else own


def builds_on(recommender: Recommender, presets: Presets, settings: Settings) -> dict[str, Any]:
    """Return all that a recommender builds on, as a record has it: ``KIND:NAME``, ``file:NAME``."""
    below = presets.dependencies(recommender, settings.values(recommender.name))
    files = {f"file:{name}": digest for name, digest in recommender.reads().items()}
    return {f"{d.component.kind}:{d.component.name}": _describe(d) for d in below} | files


def _describe(dependency: Dependency) -> dict[str, Any]:
    component = dependency.component
    origin = registry().get(component.kind, component.name).origin()
    return {**origin, "config": dependency.identity()}


def configs(below: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return the configurations among what `builds_on` returned, by kind and name."""
    parts = {key.partition(":"): part for key, part in below.items()}
    return {(kind, name): p["config"] for (kind, _, name), p in parts.items() if kind != "file"}
