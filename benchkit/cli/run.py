"""`benchkit run`: evaluate recommenders on a dataset and write its leaderboard."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchkit.cli.options import (
    cutoffs_option,
    out_option,
    protocol_option,
    raw_option,
    read_assignments,
    recommenders_option,
    set_option,
    take_values,
    whole_numbers,
)
from benchkit.cli.tuning import (
    Tuning,
    leave_for_evaluation,
    plan_searches,
    search_all,
    tuning_options,
)
from benchkit.contracts.errors import BenchkitError

if TYPE_CHECKING:
    from benchkit.cluster.placing import Cluster
    from benchkit.contracts.dataset import PreparedDataset
    from benchkit.contracts.prompted import Work
    from benchkit.contracts.protocol import Protocol
    from benchkit.evaluation.pipeline import Task
    from benchkit.evaluation.runs import Outcome
    from benchkit.evaluation.settings import Settings
    from benchkit.tuning.search import Search

_GO_ON = "Interrupted. The same command goes on; what is finished is kept."


@click.command()
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Every recommender that can run here without prompting or downloading a language model.",
)
@recommenders_option("A recommender, in place of --all; may be repeated.")
@click.argument("more", nargs=-1, metavar="")
@click.option("--dataset", required=True, metavar="NAME|TOML", help="Dataset, or a file of yours.")
@raw_option
@click.option(
    "--preset",
    type=click.Choice(["paper", "sample", "default"]),
    help="Values that you do not set: the paper's best for the dataset, small ones for a quick "
    "look, or the defaults.  [default: paper; sample on a generated sample]",
)
@set_option
@click.option(
    "--ties",
    default="0",
    show_default=True,
    metavar="SEED[,SEED...]|file",
    help="Order of interactions at equal times.",
)
@cutoffs_option
@protocol_option
@click.option(
    "--max-prompts",
    type=click.IntRange(1),
    metavar="N",
    help="Evaluate only N of the test prompts, always the same ones; such rows get a table of "
    "their own.  [default: all]",
)
@click.option(
    "--embedder",
    metavar="NAME[,NAME...]",
    help="Embedder of every recommender that needs one; of several the search chooses among those "
    "that can run here, from the first on.  [default: each one's own, offline]",
)
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    metavar="DOLLARS",
    help="Most that this command may pay, all recommenders, ties and seeds together; what its "
    "searches have paid before counts. They leave what the evaluations are likely to cost.  "
    "[default: no cap]",
)
@click.option(
    "--seeds",
    "--seed",
    "seeds",
    default="0",
    show_default=True,
    metavar="SEED[,SEED...]",
    callback=whole_numbers("0,1,2", at_least=0),
    help="Random seeds.",
)
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Recommenders at a time; in a search, workers that share it. Each has GPUs of its own "
    "where there are several.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Run searches and evaluations on the machines of a Dask cluster (extra `cluster`), such "
    "as tcp://host:8786.",
)
@tuning_options
@out_option
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.pass_context
def run(
    context: click.Context,
    every: bool,
    names: tuple[str, ...],
    more: tuple[str, ...],
    dataset: str,
    raw: Path | None,
    preset: str | None,
    assignments: tuple[str, ...],
    ties: str,
    cutoffs: tuple[int, ...],
    protocol: str,
    max_prompts: int | None,
    embedder: str | None,
    max_cost: float | None,
    seeds: tuple[int, ...],
    jobs: int,
    cluster: str | None,
    tuning: Tuning,
    out: Path,
    dry_run: bool,
) -> None:
    """Evaluate recommenders on a dataset and write its leaderboard.

    Each recommender's parameters are first searched on folds of the training data, from its preset
    on, with the first of several ties and seeds; the best configuration is then evaluated once on
    the test set, with all ties and seeds. What --set gives is not searched.

    Killed or interrupted, the same command goes on where it was: what is finished is kept.

    \b
    benchkit run --all --dataset steam
    benchkit run -r v-sknn -r sknn --dataset beauty --ties 0,1,2 --set sknn.k=200
    benchkit run -r v-sknn --dataset beauty --trials 200 --timeout 2h --jobs 4
    """
    from benchkit.cli.list import warn
    from benchkit.components.registry import registry
    from benchkit.contracts.protocol import Protocol, parse_ties
    from benchkit.data.open import open_dataset
    from benchkit.evaluation.availability import unused
    from benchkit.evaluation.settings import Settings, usual_preset
    from benchkit.toolkit.spending import Purse
    from benchkit.toolkit.workspace import workspace

    if every == bool(names):
        raise click.UsageError("say which: --all, or -r NAME once or more", context)
    if more and not names:
        raise click.UsageError(f"unexpected: {' '.join(more)}", context)
    for name in names + more:
        registry().get("recommender", name)
    tie_orders = parse_ties(ties)
    values = read_assignments(assignments)
    dataset_values = take_values(values, dataset)
    for name in values:
        _check_values(name, values[name])
    warn(registry())
    prepared = open_dataset(dataset, workspace(), raw, dataset_values)
    if prepared.synthetic:
        _announce_sample(prepared)
    purse = None if max_cost is None else context.with_resource(Purse.empty())
    settings = [
        Settings(
            protocol=Protocol(protocol, order, max_prompts=max_prompts),  # type: ignore[arg-type]
            preset=preset or usual_preset(prepared),
            overrides=values,
            cutoffs=cutoffs,
            seed=seed,
            workspace=workspace(),
            out=out,
            max_cost=max_cost,
            purse=purse,
        )
        for order in tie_orders
        for seed in seeds
    ]
    _check_data(prepared, dict.fromkeys(each.protocol for each in settings))
    if embedder is not None:
        settings = _with_embedders(settings, embedder.split(","), prepared, tuning)
    chosen, left_out = _choose(names + more, prepared, settings[0], dry=dry_run)
    if idle := unused(values, (*chosen, *left_out), prepared, settings[0]):
        raise BenchkitError(f"--set {idle[0]}: {idle[0]} takes no part in this run")
    searches = plan_searches(prepared, chosen, settings[0], tuning)
    if dry_run:
        _dry_run(prepared, chosen, left_out, settings, searches)
        return
    searches = leave_for_evaluation(searches, prepared, chosen, settings)
    with _placing(cluster, prepared, dataset, raw) as place:
        code = _run(prepared, chosen, left_out, settings, searches, jobs, place)
    context.exit(code)


def _with_embedders(
    settings: list[Settings], names: list[str], prepared: PreparedDataset, tuning: Tuning
) -> list[Settings]:
    """Return the settings with the embedder named, or with those that searches choose among.

    A prompted model takes the first: another one would be another fine-tuning.
    """
    from benchkit.components.configure import with_embedder
    from benchkit.components.registry import registry
    from benchkit.contracts.prompted import PromptedRecommender
    from benchkit.contracts.recommender import Recommender
    from benchkit.evaluation.availability import why_not

    for name in names:
        registry().get("embedder", name)
    if len(names) > 1 and tuning.off:
        raise BenchkitError("--embedder: a search chooses among several, and --trials 0 has none")
    able = names
    if len(names) > 1:
        reasons = {name: why_not("embedder", name, prepared, settings[0]) for name in names}
        able = [name for name, reason in reasons.items() if reason is None]
        told = [f"{name}: {reason}" for name, reason in reasons.items() if reason is not None]
        if not able:
            raise BenchkitError(f"no embedder of --embedder can run here: {'; '.join(told)}")
        for line in told:
            click.echo(f"Left out: embedder {line}", err=True)
    every = Recommender if len(able) == 1 else PromptedRecommender
    values = with_embedder(settings[0].overrides, able[0], every)
    chosen = able if len(able) > 1 else ()
    return [replace(each, overrides=values, embedders=chosen) for each in settings]


def _placing(
    address: str | None, prepared: PreparedDataset, given: str, raw: Path | None
) -> AbstractContextManager[Cluster | None]:
    """Return the cluster that jobs are placed on; None where they stay on this machine."""
    if address is None:
        return nullcontext()
    from benchkit.cluster.orders import Data
    from benchkit.cluster.placing import Cluster

    if given.endswith(".toml"):
        given = str(Path(given).resolve())
    raw = raw.resolve() if raw is not None else None
    data = Data(given, raw, prepared.name, prepared.config, prepared.fingerprint)
    return Cluster(address, data)


def _run(
    prepared: PreparedDataset,
    chosen: list[str],
    left_out: dict[str, str],
    settings: list[Settings],
    searches: list[Search],
    jobs: int,
    cluster: Cluster | None,
) -> int:
    from benchkit.evaluation.jobs import run as run_here
    from benchkit.evaluation.pipeline import plan
    from benchkit.evaluation.runs import run_all

    try:
        settings = search_all(searches, settings, cluster)
    except KeyboardInterrupt:
        click.echo(_GO_ON, err=True)
        return 130
    tasks = [plan(prepared, name, each) for each in settings for name in chosen]
    place = partial(run_here, jobs=jobs) if cluster is None else cluster.run
    outcome = run_all(prepared.name, tasks, place)
    _finish(prepared.name, settings[0], outcome, left_out)
    if outcome.interrupted:
        return 130
    return 1 if outcome.failed else 0


def _check_values(name: str, values: dict[str, str]) -> None:
    """Raise BenchkitError unless a recommender, embedder or reducer takes the user's values."""
    from benchkit.components.registry import registry

    kinds = ("recommender", "embedder", "reducer")
    kind = next((k for k in kinds if name in registry().components[k]), "recommender")
    registry().get(kind, name).component.Config.create(values, name)


def _choose(
    names: tuple[str, ...], prepared: PreparedDataset, settings: Settings, *, dry: bool
) -> tuple[list[str], dict[str, str]]:
    """Return the recommenders to run, and those left out with the reason.

    Without names it is all of them. One that is named but cannot run here is an error; a dry run
    says all the same what it would ask for.
    """
    from benchkit.components.registry import registry
    from benchkit.evaluation.availability import reason_against
    from benchkit.evaluation.pipeline import forecast, plan

    chosen = list(dict.fromkeys(names or sorted(registry().components["recommender"])))
    reasons = {
        name: reason
        for name in chosen
        if (reason := reason_against(name, prepared, settings, named=bool(names)))
    }
    for name, reason in reasons.items() if names else ():
        told = _told(partial(forecast, plan(prepared, name, settings), prepared)) if dry else ""
        raise BenchkitError("; it ".join(filter(None, (f"{name} cannot run here: {reason}", told))))
    return [name for name in chosen if name not in reasons], reasons


def _announce_sample(prepared: PreparedDataset) -> None:
    click.secho(
        f"No raw files of {prepared.family}: using {prepared.name}, a GENERATED SAMPLE with "
        "fictional items.\nIts figures say nothing about the real data. "
        f"`benchkit data fetch {prepared.family}` gets those;\n--raw DIR takes files you have.",
        fg="yellow",
        err=True,
    )


def _check_data(prepared: PreparedDataset, protocols: Iterable[Protocol]) -> None:
    """Say what is odd about the data and their splits.

    Raises:
        DataError: a split leaves nothing to learn from or to test.
    """
    from benchkit.data.split import split_sessions

    cards = [split_sessions(prepared, protocol).card for protocol in protocols]
    checks = {**prepared.checks, "prompts that hold their truth already": cards[0].seen_truths}
    if odd := [f"{label}: {count:,}" for label, count in checks.items() if count]:
        click.echo(f"Checks of {prepared.name}: {'; '.join(odd)}", err=True)
    said = [*prepared.warnings, *(warning for card in cards for warning in card.warnings())]
    for warning in dict.fromkeys(said):
        click.echo(f"Warning: {warning}", err=True)


def _dry_run(
    prepared: PreparedDataset,
    chosen: list[str],
    left_out: dict[str, str],
    settings: list[Settings],
    searches: list[Search],
) -> None:
    from benchkit.contracts.config import show_value
    from benchkit.evaluation.pipeline import forecast, plan
    from benchkit.toolkit.times import show_time
    from benchkit.tuning.objective import forecast_trial
    from benchkit.tuning.tune import finished

    frozen = finished(searches)
    to_search = {search.recommender for search in searches} - set(frozen)
    for search in searches:
        if search.recommender in frozen:
            click.echo(f"finished  search of {search.recommender}")
            continue
        limits = [show_time(search.options.limit)]
        if search.options.trials is not None:
            limits.append(f"{search.options.trials} trials")
        names = ", ".join(search.space.ranges)
        click.echo(f"search    {search.recommender}  at most {' or '.join(limits)}  {names}")
        if work := _told(partial(forecast_trial, search.task, prepared)):
            click.echo(f"          the first trial {work}; later ones less")
    settings = [replace(each, frozen=frozen) for each in settings]
    for task in (plan(prepared, name, each) for each in settings for name in chosen):
        searched = task.recommender in to_search
        state = "finished" if not searched and _is_finished(task) else "to run"
        config = " ".join(f"{key}={show_value(v)}" for key, v in task.identity.config.items())
        config = "as the search finds" if searched else config
        click.echo(
            f"{state:8}  {task.recommender}  ties {task.settings.protocol.ties}  "
            f"seed {task.settings.seed}  {config}".rstrip()
        )
        if state == "to run" and (work := _told(partial(forecast, task, prepared))):
            click.echo(f"          {work}")
    for name, reason in left_out.items():
        click.echo(f"left out  {name}: {reason}")


def _is_finished(task: Task) -> bool:
    from benchkit.leaderboards.store import DamagedRecordError

    try:
        return task.finished() is not None
    except DamagedRecordError as error:
        click.echo(f"Warning: {error}", err=True)
        return False


def _told(asked: Callable[[], Work | None]) -> str:
    """Return what a prompted recommender would ask for, or why nobody can tell; else ""."""
    from benchkit.evaluation.availability import in_words

    try:
        work = asked()
    except BenchkitError as error:
        return f"cannot tell what it would ask for: {error}"
    return "" if work is None else f"would ask for {in_words(work)}"


def _finish(dataset: str, settings: Settings, outcome: Outcome, left_out: dict[str, str]) -> None:
    """Print the leaderboard, then what went wrong and where things are."""
    out = settings.out
    if outcome.done:
        from benchkit.cli.leaderboard import print_leaderboard

        rules = {event.task.settings.protocol.rules() for event in outcome.done}
        own = settings.protocol.rules()
        click.echo()
        print_leaderboard(out, dataset, own if own in rules else rules.pop())
        click.echo(f"\nWritten: {out / f'{dataset}.md'} and {out / f'{dataset}.json'}")
    for warning in outcome.warnings:
        click.echo(f"Warning: {warning}", err=True)
    for name, reason in left_out.items():
        click.echo(f"Left out: {name}: {reason}", err=True)
    for event in outcome.failed:
        click.secho(f"Failed: {event.task.recommender}: {event.text}", fg="red", err=True)
        if event.details:
            path = event.task.identity.folder(out)
            click.echo(f"  traceback in {path.with_name(path.name + '.failed.json')}", err=True)
    if outcome.interrupted:
        click.echo(_GO_ON, err=True)
