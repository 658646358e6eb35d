"""From a plan to its results: search on folds, then evaluate on the test set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchkit.api.planning import Plan
from benchkit.contracts.errors import BenchkitError
from benchkit.evaluation import runs
from benchkit.evaluation.display import Show
from benchkit.evaluation.pipeline import forecast
from benchkit.evaluation.settings import Settings
from benchkit.toolkit.spending import SharedBudget
from benchkit.tuning import tune
from benchkit.tuning.progress import SearchProgress
from benchkit.tuning.search import Search

if TYPE_CHECKING:
    from benchkit.cluster.placing import Cluster


def run_plan(plan: Plan, show: Show) -> runs.Outcome:
    """Search and evaluate what earlier runs have not, and write the leaderboard.

    Args:
        plan: the plan.
        show: returns where searches and evaluations are shown.

    Raises:
        BenchkitError: whatever the user can mend.
        KeyboardInterrupt: while it searched; afterwards, the outcome says so.
    """
    with _capped(plan) as (settings, searches), _placing(plan) as cluster:
        tasks = plan.tasks(_search(searches, settings, cluster, show))
        here = partial(runs.run_here, jobs=plan.experiment.jobs)
        run = here if cluster is None else cluster.run
        return runs.run_all(plan.prepared.name, tasks, run, show)


@contextmanager
def _capped(plan: Plan) -> Iterator[tuple[list[Settings], list[Search]]]:
    """Give settings and searches that hold to one cap together.

    Searches leave what the evaluations are likely to cost.
    """
    settings, searches = list(plan.settings), list(plan.searches)
    if plan.experiment.max_cost is None:
        yield settings, searches
        return
    reserve = sum(_dollars(plan, name) for name in plan.recommenders) if searches else 0.0
    with SharedBudget.empty() as shared_budget:
        for place, search in enumerate(searches):
            held = replace(search.task.settings, shared_budget=shared_budget, reserve=reserve)
            searches[place] = replace(search, task=replace(search.task, settings=held))
        yield [replace(part, shared_budget=shared_budget) for part in settings], searches


def _dollars(plan: Plan, name: str) -> float:
    """Return what a recommender's evaluations are likely to cost, as far as it can be told."""
    total = 0.0
    for task in replace(plan, recommenders=[name]).tasks(plan.settings):
        try:
            work = forecast(task, plan.prepared)
        except BenchkitError:
            continue
        if work is None or (work.calls and not work.dollars):
            break  # nothing of it is paid for
        total += work.dollars
    return total


def _placing(plan: Plan) -> AbstractContextManager[Cluster | None]:
    """Return the cluster that jobs are placed on; None where they stay on this machine."""
    experiment, prepared = plan.experiment, plan.prepared
    if experiment.cluster is None:
        return nullcontext()
    from benchkit.cluster.job import Data
    from benchkit.cluster.placing import Cluster

    dataset, raw = experiment.dataset, experiment.raw
    if dataset.endswith(".toml"):
        dataset = str(Path(dataset).resolve())
    raw = raw.resolve() if raw is not None else None
    data = Data(dataset, raw, prepared.name, prepared.config, prepared.fingerprint)
    return Cluster(experiment.cluster, data)


def _search(
    searches: Sequence[Search], settings: list[Settings], cluster: Cluster | None, show: Show
) -> list[Settings]:
    """Do the searches, here or on a cluster, and return the settings with their results."""
    if not searches:
        return settings
    with show(None) as display:
        progress = SearchProgress(len(searches), display)
        if cluster is None:
            tuned = tune.tune(searches, searches[0].options.jobs, progress)
        else:
            run = partial(cluster.search, placed=progress.placed)
            tuned = tune.tune_remotely(searches, run, progress)
    return [replace(part, tuned=tuned) for part in settings]
