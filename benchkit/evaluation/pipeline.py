"""One way through: split, fit, recommend, measure, record, in that order, for one recommender."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchkit.components.registry import registry
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import StorageError
from benchkit.contracts.prompted import PromptedRecommender, Work
from benchkit.contracts.recommender import Recommender
from benchkit.data.open import load_prepared
from benchkit.data.split import Split, split_sessions
from benchkit.evaluation.bench import Workbench
from benchkit.evaluation.measure import measure_all, metric_sources
from benchkit.evaluation.recommend import fit, recommend
from benchkit.evaluation.remeasure import remeasure
from benchkit.evaluation.settings import Settings, usual_preset
from benchkit.evaluation.tasks import Task, builds_on, configs
from benchkit.leaderboards import store
from benchkit.leaderboards.record import TUNED, Record
from benchkit.leaderboards.store import DamagedRecordError
from benchkit.toolkit.machine import environment, peak_memory
from benchkit.toolkit.spending import Account
from benchkit.toolkit.workspace import workspace

Report = Callable[[str], None]


def execute(task: Task, progress: Report, report: Report) -> Record:
    """Evaluate one recommender and return its record, from an earlier run where there is one.

    Two processes with the same task do the work once: the second waits for the first.

    Args:
        task: what to evaluate.
        progress: called with the name of each stage as it begins.
        report: called with each line about how a long fit is going.

    Raises:
        BenchkitError: whatever the user can mend; any other exception is the recommender's.
    """
    identity, out = task.identity, task.settings.out
    dataset = identity.dataset
    with store.lock(out, identity):
        try:
            if (record := task.finished()) is not None:
                return record
        except DamagedRecordError as error:
            report(store.set_aside(error))
        prepared = load_prepared(
            task.settings.workspace, dataset["name"], dataset["fingerprint"], identity.protocol
        )
        split = split_sessions(prepared, task.settings.protocol)
        try:
            if (record := store.find(out, identity)) is not None:
                record = replace(record, asked=now())
                folder = identity.folder(out)
                return remeasure(folder, record, prepared, split, task.settings.cutoffs)
        except DamagedRecordError as error:  # its lists
            report(store.set_aside(error))
        return evaluate(task, prepared, split, progress, report)


def evaluate(
    task: Task, prepared: PreparedDataset, split: Split, progress: Report, report: Report
) -> Record:
    """Evaluate one recommender, whatever earlier runs have kept; arguments are as `execute`'s."""
    settings = task.settings
    bench = _bench(task, prepared, split, settings.spending(), report)
    recommender = task.configured()
    progress("fit")
    fit_seconds = fit(recommender, bench)
    progress("recommend")
    prompts, truth = split.test.prompts, split.test.truth
    lists, recommend_seconds = recommend(recommender, prompts, task.identity.depth, bench)
    progress("measure")
    measured = measure_all(lists, split, prepared, settings.cutoffs)
    answers = recommender.diagnostics() if isinstance(recommender, PromptedRecommender) else {}
    record = Record(
        identity=task.identity,
        preset=task.preset,
        overrides=task.all_overrides,
        experiment=settings.experiment,
        metrics=measured.summaries,
        failed_metrics=measured.failed,
        metric_sources=metric_sources(),
        prompts=len(truth),
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
        diagnostics=dict(answers),
    )
    store.write(settings.out, record, lists, prompts.ids, truth, measured.values)
    return record


def _bench(
    task: Task,
    prepared: PreparedDataset,
    split: Split,
    spending: Account,
    report: Report = lambda _line: None,
) -> Workbench:
    counts = split.item_counts(prepared), split.session_counts(prepared)
    return replace(
        task.bench(prepared, split.train, counts, spending, report=report),
        checkpoints=store.weights_folder(task.settings.out, prepared.name),
        declared=frozenset(task.identity.builds_on),
    )


def forecast(task: Task, prepared: PreparedDataset) -> Work | None:
    """Return what a prompted recommender would still ask for; None for any other.

    Nothing is sent, and no paid call is made.

    Raises:
        BenchkitError: it cannot be estimated here, and why.
    """
    recommender = task.configured()
    if not isinstance(recommender, PromptedRecommender):
        return None
    split = split_sessions(prepared, task.settings.protocol)
    bench = _bench(task, prepared, split, Account(cap=0.0))
    return recommender.estimate(split.train, split.test.prompts, bench)


def refit(
    out: Path, record: Record, prepared: PreparedDataset, split: Split, report: Report
) -> tuple[Recommender, Workbench]:
    """Return a record's recommender, fitted as for the record, and its bench; nothing is paid.

    Kept weights serve again; where there are none, it is fitted once more, and `report` is called
    with each line about how that is going.

    Raises:
        BenchkitError: it cannot run here, or would have to pay.
    """
    identity = record.identity
    below = configs(identity.builds_on)
    settings = Settings(
        protocol=split.protocol,
        preset=usual_preset(prepared) if record.preset == TUNED else record.preset,
        overrides={name: _parameters(kind, name, c) for (kind, name), c in below.items()},
        cutoffs=[identity.depth],
        seed=identity.seed,
        workspace=workspace(),
        out=out,
        max_cost=0.0,
    )
    name = identity.recommender["name"]
    task = Task(identity, settings, _parameters("recommender", name, identity.config))
    recommender = task.configured()
    if configs(builds_on(recommender, task.presets, settings)) != below:
        raise StorageError(
            f"what {name} builds on is not what it was; run it again with `benchkit run`"
        )
    bench = _bench(task, prepared, split, settings.spending(), report)
    fit(recommender, bench)
    return recommender, bench


def _parameters(kind: str, name: str, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters in a component's `identity`, which may hold more."""
    names = {field.name for field in registry().get(kind, name).component.Config.fields()}
    return {key: value for key, value in identity.items() if key in names}


def now() -> str:
    """Return the time as records keep it, ISO 8601 in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
