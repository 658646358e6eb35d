"""From an experiment to a plan: the data opened, recommenders chosen, searches laid out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from benchkit.api.experiment import Experiment
from benchkit.components.configure import with_embedder
from benchkit.components.registry import registry
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import BenchkitError
from benchkit.contracts.prompted import PromptedRecommender, Work
from benchkit.contracts.protocol import Protocol
from benchkit.contracts.recommender import Recommender
from benchkit.data.open import open_dataset, take_values
from benchkit.data.split import split_sessions
from benchkit.evaluation.availability import in_words, unused, why_left_out, why_not
from benchkit.evaluation.pipeline import forecast
from benchkit.evaluation.settings import Settings, usual_preset
from benchkit.evaluation.tasks import Task, plan
from benchkit.toolkit.workspace import leaderboards, workspace
from benchkit.tuning.budget import DEFAULT_SECONDS, Options, seconds_of
from benchkit.tuning.samplers import pruner, sampler
from benchkit.tuning.search import Search, plan_search
from benchkit.tuning.storage import journal

Report = Callable[[str], None]

_SAMPLE = (
    "No raw files of {family}: using {name}, a GENERATED SAMPLE with fictional items.\n"
    "Its figures say nothing about the real data. `benchkit data fetch {family}` gets those;\n"
    "--raw DIR takes files you have."
)


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        experiment: what is to be run.
        prepared: the data.
        recommenders: names of those that are evaluated.
        left_out: why each of the others cannot run here, by name.
        settings: one for each order of ties and seed.
        searches: what is searched before, one for each recommender at most.
    """

    experiment: Experiment
    prepared: PreparedDataset
    recommenders: Sequence[str]
    left_out: dict[str, str]
    settings: Sequence[Settings]
    searches: Sequence[Search]

    def tasks(self, settings: Sequence[Settings]) -> list[Task]:
        """Return the evaluations, with settings that know what the searches have found."""
        return [plan(self.prepared, name, part) for part in settings for name in self.recommenders]


def plan_run(experiment: Experiment, report: Report, *, dry: bool = False) -> Plan:
    """Return what a run of an experiment will do; data are prepared, nothing else is written.

    Args:
        experiment: what to run.
        report: work what is odd about the data, and what cannot be used here.
        dry: say of a named recommender that cannot run here what it would ask for, too.

    Raises:
        BenchkitError: whatever the user can mend.
    """
    names = tuple(experiment.recommenders)
    for name in names:
        registry().get("recommender", name)
    values = {name: dict(own) for name, own in experiment.set.items()}
    dataset_values = take_values(values, experiment.dataset)
    for name, own in values.items():
        _check_values(name, own)
    prepared = open_dataset(experiment.dataset, workspace(), experiment.raw, dataset_values)
    if prepared.synthetic:
        report(_SAMPLE.format(family=prepared.family, name=prepared.name))
    settings = _settings(experiment, prepared, values)
    _check_data(prepared, [part.protocol for part in settings], report)
    settings = _with_embedders(settings, experiment, prepared, report)
    chosen, left_out = _choose(names, prepared, settings[0], dry=dry)
    if idle := unused(values, (*chosen, *left_out), prepared, settings[0]):
        raise BenchkitError(f"--set {idle[0]}: {idle[0]} takes no part in this run")
    searches = _searches(experiment, prepared, chosen, settings[0])
    return Plan(experiment, prepared, chosen, left_out, settings, searches)


def _check_values(name: str, values: dict[str, object]) -> None:
    """Raise BenchkitError unless a recommender, embedder or reducer takes the user's values."""
    kinds = ("recommender", "embedder", "reducer")
    kind = next((k for k in kinds if name in registry().components[k]), "recommender")
    registry().get(kind, name).component.Config.create(values, name)


def _settings(
    experiment: Experiment, prepared: PreparedDataset, values: dict[str, dict[str, Any]]
) -> list[Settings]:
    return [
        Settings(
            protocol=Protocol(experiment.protocol, order, max_prompts=experiment.max_prompts),
            preset=experiment.preset or usual_preset(prepared),
            overrides=values,
            cutoffs=experiment.cutoffs,
            seed=seed,
            workspace=workspace(),
            out=leaderboards(experiment.out),
            max_cost=experiment.max_cost,
            experiment=experiment.public(),
        )
        for order in experiment.ties
        for seed in experiment.seeds
    ]


def _check_data(prepared: PreparedDataset, protocols: Sequence[Protocol], report: Report) -> None:
    """Say what is odd about the data and their splits.

    Raises:
        DataError: a split leaves nothing to learn from or to test.
    """
    cards = [split_sessions(prepared, protocol).card for protocol in dict.fromkeys(protocols)]
    checks = {**prepared.checks, "prompts that hold their truth already": cards[0].seen_truths}
    if odd := [f"{label}: {count:,}" for label, count in checks.items() if count]:
        report(f"Checks of {prepared.name}: {'; '.join(odd)}")
    warnings = [*prepared.warnings, *(warning for card in cards for warning in card.warnings())]
    for warning in dict.fromkeys(warnings):
        report(f"Warning: {warning}")


def _with_embedders(
    settings: list[Settings], experiment: Experiment, prepared: PreparedDataset, report: Report
) -> list[Settings]:
    """Return the settings with the embedder named, or with those that searches choose among.

    A prompted model takes the first: another one would be another fine-tuning.
    """
    names = able = list(experiment.embedder)
    if not names:
        return settings
    for name in names:
        registry().get("embedder", name)
    if len(names) > 1:
        if experiment.trials == 0:
            raise BenchkitError(
                "--embedder: a search chooses among several, and --trials 0 has none"
            )
        reasons = {name: why_not("embedder", name, prepared, settings[0]) for name in names}
        able = [name for name, reason in reasons.items() if reason is None]
        unavailable = [f"{name}: {reason}" for name, reason in reasons.items() if reason]
        if not able:
            raise BenchkitError(f"no embedder of --embedder can run here: {'; '.join(unavailable)}")
        for line in unavailable:
            report(f"Left out: embedder {line}")
    base = Recommender if len(able) == 1 else PromptedRecommender
    values = with_embedder(settings[0].overrides, able[0], base)
    candidates = able if len(able) > 1 else ()
    return [replace(part, overrides=values, embedders=candidates) for part in settings]


def _choose(
    names: Sequence[str], prepared: PreparedDataset, settings: Settings, *, dry: bool
) -> tuple[list[str], dict[str, str]]:
    """Return the recommenders to run, and those left out with the reason.

    Without names it is all of them. One that is named but cannot run here is an error.
    """
    chosen = list(dict.fromkeys(names or sorted(registry().components["recommender"])))
    reasons = {
        name: reason
        for name in chosen
        if (reason := why_left_out(name, prepared, settings, named=bool(names)))
    }
    for name, reason in reasons.items() if names else ():
        work = ""
        if dry:
            work = request_in_words(partial(forecast, plan(prepared, name, settings), prepared))
        raise BenchkitError("; it ".join(filter(None, (f"{name} cannot run here: {reason}", work))))
    return [name for name in chosen if name not in reasons], reasons


def _searches(
    experiment: Experiment, prepared: PreparedDataset, chosen: Sequence[str], settings: Settings
) -> list[Search]:
    """Return the searches of a run, each with an equal share of the time.

    A prompted model is searched only where the user says how much: a trial is hours or money.

    Raises:
        ConfigError: there is no such sampler or pruner.
    """
    if experiment.trials == 0:
        return []
    sampler(experiment.sampler, 0)
    pruner(experiment.pruner)
    seconds = None if experiment.timeout is None else seconds_of(experiment.timeout)
    limited = experiment.trials is not None or seconds is not None
    options = Options(
        sampler=experiment.sampler,
        pruner=experiment.pruner,
        warm_start=experiment.warm_start,
        storage=experiment.storage or journal(settings.out, prepared.name),
        trials=experiment.trials,
        seconds=seconds if limited else DEFAULT_SECONDS,
        jobs=experiment.jobs,
    )
    searches = [
        search
        for name in chosen
        if limited or not issubclass(registry().recommender(name), PromptedRecommender)
        if (search := plan_search(prepared, name, settings, options))
    ]
    if options.seconds is not None:
        options = replace(options, seconds=options.seconds / max(1, len(searches)))
    return [replace(search, options=options) for search in searches]


def request_in_words(work_of: partial[Work | None]) -> str:
    """Return what a prompted recommender would ask for, or why nobody can tell; else ""."""
    try:
        work = work_of()
    except BenchkitError as error:
        return f"cannot tell what it would ask for: {error}"
    return "" if work is None else f"would ask for {in_words(work)}"
