"""`benchkit worker`: join the searches of a `benchkit run` in another process or machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchkit.cli.options import out_option, raw_option, recommenders_option
from benchkit.contracts.errors import BenchkitError

if TYPE_CHECKING:
    from benchkit.tuning.join import Helper


@click.command()
@click.option(
    "--storage",
    required=True,
    metavar="FILE|URL",
    help="Where the run keeps its studies: postgresql://... or another database, or a journal "
    "file.",
)
@click.option("--dataset", required=True, metavar="NAME|TOML", help="Dataset, or a file of yours.")
@recommenders_option("Work on its search alone; may be repeated.  [default: all searches]")
@raw_option
@click.option(
    "--jobs", default=1, show_default=True, type=click.IntRange(1), help="Trials at a time."
)
@click.option(
    "--timeout",
    metavar="TIME",
    help="When to leave, such as 30m.  [default: when each search is over]",
)
@out_option
def worker(
    storage: str,
    dataset: str,
    names: tuple[str, ...],
    raw: Path | None,
    jobs: int,
    timeout: str | None,
    out: Path,
) -> int:
    """Work on the searches that a `benchkit run` has begun on the same storage.

    On any machine that has the same data, plugins and Optuna: it takes trials of the run's studies
    until each search is over. A trial that it runs when it is stopped or killed is run again by
    others. It never reads the test set, and makes no paid calls.

    \b
    benchkit run -r v-sknn --dataset beauty --timeout 2h --storage postgresql://ann@db/studies
    benchkit worker --dataset beauty --storage postgresql://ann@db/studies --jobs 4
    """
    from benchkit.components.registry import registry
    from benchkit.evaluation.display import display
    from benchkit.toolkit.workspace import workspace
    from benchkit.tuning.budget import seconds_of
    from benchkit.tuning.database import database_errors
    from benchkit.tuning.join import Helper, Studies
    from benchkit.tuning.pool import WorkerPool
    from benchkit.tuning.progress import SearchProgress

    until = float("inf") if timeout is None else time.monotonic() + seconds_of(timeout)
    for name in names:
        registry().get("recommender", name)
    for problem in registry().problems:
        click.echo(f"Warning: {problem}", err=True)
    with database_errors():
        studies = Studies(storage, dataset, names, raw, workspace(), out)
        studies.check()
        waiting = [search for search in studies.look() if not search.over]
        with display() as shown, WorkerPool(jobs) as pool:
            helper = Helper(pool, SearchProgress(len(waiting), shown), until)
            try:
                refused = helper.work_on_all(studies)
            except KeyboardInterrupt:
                click.echo(f"Interrupted. {_summary(helper)}", err=True)
                click.echo("Unfinished trials will be run again by others.", err=True)
                return 130
    return _finish(helper, list(refused.values()))


def _finish(helper: Helper, refused: Sequence[BenchkitError]) -> int:
    if refused and not helper.searches:
        raise refused[0]
    for error in refused:
        click.echo(f"Left out: {error}", err=True)
    if not helper.searches:
        click.echo("Nothing to do: all searches are over.", err=True)
    click.echo(_summary(helper))
    return 0


def _summary(helper: Helper) -> str:
    total = sum(helper.counts.values())
    counts = ", ".join(f"{count} {kind}" for kind, count in helper.counts.items())
    trials = "trial" if total == 1 else "trials"
    searches = "search" if helper.searches == 1 else "searches"
    return f"{total} {trials} ({counts or 'none'}) in {helper.searches} {searches}."
