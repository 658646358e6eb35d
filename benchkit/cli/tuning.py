"""Options of the search that goes before an evaluation, and how it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

from benchkit.contracts.errors import BenchkitError
from benchkit.tuning.budget import Options, seconds_of

if TYPE_CHECKING:
    from benchkit.cluster.placing import Cluster
    from benchkit.contracts.dataset import PreparedDataset
    from benchkit.evaluation.settings import Settings
    from benchkit.tuning.search import Search

# What a run that says nothing of tuning may search: a first look, not the paper's 72 hours.
DEFAULT_SECONDS = 45.0

storage_option = click.option(
    "--storage",
    metavar="FILE|URL",
    help="Where studies are kept: a journal file, or a database such as postgresql://... (extra "
    "`postgres`), which `benchkit worker` on other machines joins.  "
    "[default: OUT/studies/DATASET.journal]",
)


@dataclass(frozen=True)
class Tuning:
    """What the options say.

    Attributes:
        options: how to search; ``seconds`` is the whole run's, `shared` divides it.
        off: whether nothing is searched.
        asked: whether the user said how much to search; without that, no model is prompted.
    """

    options: Options
    off: bool
    asked: bool

    def shared(self, searches: int, storage: str) -> Options:
        """Return the options of each of several searches."""
        seconds = self.options.seconds
        return replace(
            self.options,
            seconds=None if seconds is None else seconds / max(1, searches),
            storage=self.options.storage or storage,
        )


def tuning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of tuning to a command; they come to it as one argument, `tuning`."""
    given = (
        click.option(
            "--trials",
            type=click.IntRange(0),
            metavar="N",
            help="Configurations to try on folds of the training data, for each recommender; the "
            "best one is evaluated. 0: presets as they are.  [default: as many as the time allows]",
        ),
        click.option(
            "--timeout",
            metavar="TIME",
            help="Wall time of the searches of the whole run, such as 90s, 30m or 2h, in equal "
            "shares; what one does not need, or could not use, goes to the others. What is "
            "imported, embedded and estimated beforehand is not counted.  [default: "
            f"{DEFAULT_SECONDS:.0f}s; with --trials 72h a recommender]",
        ),
        click.option(
            "--warm-start/--no-warm-start",
            default=True,
            help="Whether the preset is tried first, before 40 random ones.  [default: it is]",
        ),
        click.option(
            "--sampler",
            default="tpe",
            show_default=True,
            metavar="NAME",
            help="Optuna's sampler: tpe, random, qmc, gp, ...",
        ),
        click.option(
            "--pruner",
            default="bottom",
            show_default=True,
            metavar="NAME",
            help="Which trials end after a fold: the bottom 20 %, none, or by a pruner of "
            "Optuna's: median, hyperband, ...",
        ),
        storage_option,
    )

    @wraps(command)  # with the options that are below
    def wrapped(
        trials: int | None,
        timeout: str | None,
        warm_start: bool,
        sampler: str,
        pruner: str,
        storage: str | None,
        jobs: int,
        **others: Any,
    ) -> Any:
        seconds = seconds_of(timeout) if timeout is not None else None
        asked = trials is not None or seconds is not None
        if not asked:
            seconds = DEFAULT_SECONDS
        options = Options(sampler, pruner, warm_start, storage or "", trials, seconds, jobs)
        return command(jobs=jobs, tuning=Tuning(options, trials == 0, asked), **others)

    decorated: Callable[..., Any] = wrapped
    for option in reversed(given):
        decorated = option(decorated)
    return decorated


def plan_searches(
    prepared: PreparedDataset, chosen: Sequence[str], settings: Settings, tuning: Tuning
) -> list[Search]:
    """Return the searches of a run, each with an equal share of the time.

    A prompted model is searched only where the user says how much: a trial is hours or money.

    Raises:
        ConfigError: there is no such sampler or pruner.
    """
    from benchkit.components.registry import registry
    from benchkit.contracts.prompted import PromptedRecommender
    from benchkit.tuning.names import pruner, sampler
    from benchkit.tuning.search import plan_search
    from benchkit.tuning.storage import journal

    if tuning.off:
        return []
    sampler(tuning.options.sampler, 0)
    pruner(tuning.options.pruner)
    storage = journal(settings.out, prepared.name)
    found = [
        search
        for name in chosen
        if tuning.asked or not issubclass(registry().recommender(name), PromptedRecommender)
        if (search := plan_search(prepared, name, settings, tuning.shared(1, storage)))
    ]
    share = tuning.shared(len(found), storage)
    return [replace(search, options=share) for search in found]


def leave_for_evaluation(
    searches: Sequence[Search],
    prepared: PreparedDataset,
    chosen: Sequence[str],
    settings: Sequence[Settings],
) -> list[Search]:
    """Return the searches, each told how much of the cap the evaluations are likely to cost.

    Args:
        searches: what goes before.
        prepared: the dataset.
        chosen: names of all recommenders that are evaluated.
        settings: with which they are.
    """
    if not searches or settings[0].max_cost is None:
        return list(searches)
    reserve = sum(_dollars(prepared, name, settings) for name in chosen)
    tasks = (search.task for search in searches)
    told = (replace(task, settings=replace(task.settings, reserve=reserve)) for task in tasks)
    return [replace(search, task=task) for search, task in zip(searches, told, strict=True)]


def _dollars(prepared: PreparedDataset, name: str, settings: Sequence[Settings]) -> float:
    """Return what a recommender's evaluations are likely to cost, as far as it can be told."""
    from benchkit.evaluation.pipeline import forecast, plan

    total = 0.0
    for each in settings:
        try:
            work = forecast(plan(prepared, name, each), prepared)
        except BenchkitError:
            continue
        if work is None or (work.calls and not work.dollars):
            break  # nothing of it is paid for
        total += work.dollars
    return total


def search_all(
    searches: Sequence[Search], settings: Sequence[Settings], cluster: Cluster | None
) -> list[Settings]:
    """Do the searches, here or on a cluster, and return the settings with what they have found.

    Raises:
        StorageError: the studies cannot be read or written.
        UnavailableError: the cluster cannot do them.
    """
    if not searches:
        return list(settings)
    from benchkit.tuning.tune import tune, tune_elsewhere
    from benchkit.tuning.view import Lines, watcher

    if cluster is None:
        with watcher(len(searches)) as view:
            frozen = tune(searches, searches[0].options.jobs, view)
    else:
        lines = Lines(len(searches))
        frozen = tune_elsewhere(searches, partial(cluster.conduct, placed=lines.placed), lines)
    return [replace(each, frozen=frozen) for each in settings]
