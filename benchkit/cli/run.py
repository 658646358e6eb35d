"""`benchkit run`: evaluate recommenders on a dataset and write its leaderboard."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from benchkit.cli.options import (
    cutoffs_option,
    out_option,
    protocol_option,
    raw_option,
    read_assignments,
    recommenders_option,
    set_option,
    whole_numbers,
)
from benchkit.cli.tuning import tuning_options

if TYPE_CHECKING:
    from benchkit.api.planning import Plan
    from benchkit.evaluation.runs import Outcome
    from benchkit.evaluation.tasks import Task

_GO_ON = "Interrupted. Finished results are kept; run the same command to resume."
# Fields of an experiment that the command line knows by another name.
_FIELDS = {"every": "recommenders", "names": "recommenders", "assignments": "set", "cutoffs": "k"}


@click.command()
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Every recommender that can run here without prompting or downloading a language model.",
)
@recommenders_option("A recommender, in place of --all; may be repeated.")
@click.argument("more", nargs=-1, metavar="[EXPERIMENT.toml]")
@click.option("--dataset", metavar="NAME|TOML", help="Dataset, or a file of yours.")
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
    "searches have paid before counts. Searches keep the estimated cost of the evaluations in "
    "reserve.  "
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
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what this command says into a TOML file first; `benchkit run FILE` does the same "
    "again.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.pass_context
def run(
    context: click.Context,
    /,
    every: bool,
    names: tuple[str, ...],
    more: tuple[str, ...],
    dataset: str | None,
    assignments: tuple[str, ...],
    ties: str,
    embedder: str | None,
    save: Path | None,
    dry_run: bool,
    **options: Any,
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
    from benchkit.api.experiment import Experiment
    from benchkit.api.planning import plan_run
    from benchkit.api.running import run_plan
    from benchkit.cli.list import warn
    from benchkit.components.registry import registry
    from benchkit.contracts.protocol import parse_ties
    from benchkit.evaluation.display import display

    file = Path(more[0]) if more and not names and more[0].endswith(".toml") else None
    options |= {
        "dataset": dataset,
        "recommenders": names if file else names + more,
        "set": read_assignments(assignments),
        "ties": parse_ties(ties),
        "k": options.pop("cutoffs"),
        "embedder": embedder.split(",") if embedder else (),
    }
    named = {_FIELDS.get(name, name) for name in context.params if _is_named(context, name)}
    if file is None:
        _demand_names(context, every, names, more, dataset)
        named |= {"recommenders", "dataset"}
    values = {name: value for name, value in options.items() if name in named}
    experiment = Experiment(**values) if file is None else Experiment.read(file, **values)
    if save is not None:
        experiment.write(save)
    warn(registry())
    plan = plan_run(experiment, _tell, dry=dry_run)
    if dry_run:
        _dry_run(plan)
        return
    try:
        outcome = run_plan(plan, display)
    except KeyboardInterrupt:
        click.echo(_GO_ON, err=True)
        context.exit(130)
    _finish(plan, outcome)
    context.exit(130 if outcome.interrupted else 1 if outcome.failures else 0)


def _demand_names(
    context: click.Context,
    every: bool,
    names: tuple[str, ...],
    more: tuple[str, ...],
    dataset: str | None,
) -> None:
    """Refuse a command that says neither what to run nor on what."""
    if every == bool(names):
        raise click.UsageError("choose recommenders with --all or -r NAME", context)
    if more and not names:
        raise click.UsageError(f"unexpected: {' '.join(more)}", context)
    if dataset is None:
        raise click.UsageError("Missing option '--dataset'.", context)


def _is_named(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _dry_run(plan: Plan) -> None:
    from benchkit.api.planning import request_in_words
    from benchkit.contracts.config import show_value
    from benchkit.evaluation.pipeline import forecast
    from benchkit.toolkit.times import show_time
    from benchkit.tuning.objective import forecast_trial
    from benchkit.tuning.tune import finished

    tuned = finished(plan.searches)
    to_search = {search.recommender for search in plan.searches} - set(tuned)
    for search in plan.searches:
        if search.recommender in tuned:
            click.echo(f"finished  search of {search.recommender}")
            continue
        limits = [show_time(search.options.limit)]
        if search.options.trials is not None:
            limits.append(f"{search.options.trials} trials")
        names = ", ".join(search.space.ranges)
        click.echo(f"search    {search.recommender}  at most {' or '.join(limits)}  {names}")
        if work := request_in_words(partial(forecast_trial, search.task, plan.prepared)):
            click.echo(f"          the first trial {work}; later ones less")
    for task in plan.tasks([replace(settings, tuned=tuned) for settings in plan.settings]):
        searched = task.recommender in to_search
        state = "finished" if not searched and _is_finished(task) else "to run"
        config = " ".join(f"{key}={show_value(v)}" for key, v in task.identity.config.items())
        config = "as the search finds" if searched else config
        click.echo(
            f"{state:8}  {task.recommender}  ties {task.settings.protocol.ties}  "
            f"seed {task.settings.seed}  {config}".rstrip()
        )
        if state == "to run" and (work := request_in_words(partial(forecast, task, plan.prepared))):
            click.echo(f"          {work}")
    for name, reason in plan.left_out.items():
        click.echo(f"left out  {name}: {reason}")


def _is_finished(task: Task) -> bool:
    from benchkit.leaderboards.store import DamagedRecordError

    try:
        return task.finished() is not None
    except DamagedRecordError as error:
        click.echo(f"Warning: {error}", err=True)
        return False


def _finish(plan: Plan, outcome: Outcome) -> None:
    """Print the leaderboard, then what went wrong and where things are."""
    from benchkit.api.results import table_of
    from benchkit.cli.leaderboard import print_leaderboards

    dataset, out = plan.prepared.name, plan.settings[0].out
    if (table := table_of(plan, outcome)) is not None:
        click.echo()
        print_leaderboards([table])
        click.echo(f"\nWritten: {out / f'{dataset}.md'} and {out / f'{dataset}.jsonl'}")
    for warning in outcome.warnings:
        click.echo(f"Warning: {warning}", err=True)
    for name, reason in plan.left_out.items():
        click.echo(f"Left out: {name}: {reason}", err=True)
    for failure in outcome.failures:
        name = failure.identity.recommender["name"]
        click.secho(f"Failed: {name}: {failure.reason}", fg="red", err=True)
        if failure.details:
            path = failure.identity.folder(out)
            click.echo(f"  traceback in {path.with_name(path.name + '.failed.json')}", err=True)
    if outcome.interrupted:
        click.echo(_GO_ON, err=True)
