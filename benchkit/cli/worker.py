"""`benchkit worker`: help a `benchkit run` of another process or machine to search."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchkit.cli.options import out_option, raw_option, recommenders_option
from benchkit.contracts.errors import BenchkitError

if TYPE_CHECKING:
    from benchkit.contracts.dataset import PreparedDataset
    from benchkit.tuning.join import Begun, Help
    from benchkit.tuning.search import Search


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
    until each search is over. What it is at when it is stopped or killed is tried again by others.
    It never reads the test set, and makes no paid calls.

    \b
    benchkit run -r v-sknn --dataset beauty --timeout 2h --storage postgresql://ann@db/studies
    benchkit worker --dataset beauty --storage postgresql://ann@db/studies --jobs 4
    """
    from benchkit.components.registry import registry
    from benchkit.tuning.budget import seconds_of
    from benchkit.tuning.crew import Crew
    from benchkit.tuning.database import database_errors
    from benchkit.tuning.join import Help
    from benchkit.tuning.view import watcher

    until = float("inf") if timeout is None else time.monotonic() + seconds_of(timeout)
    for name in names:
        registry().get("recommender", name)
    for problem in registry().problems:
        click.echo(f"Warning: {problem}", err=True)
    with database_errors():
        studies = _Studies(storage, dataset, names, raw, out)
        waiting = [each for each in studies.look() if not each.over]
        with watcher(len(waiting)) as view, Crew(jobs) as crew:
            work = Help(crew, view, until)
            try:
                refused = work.all(studies.look, studies.rebuilt)
            except KeyboardInterrupt:
                click.echo(f"Interrupted. {_done(work)}", err=True)
                click.echo("What it was at is tried again by whoever goes on.", err=True)
                return 130
    return _finish(work, list(refused.values()))


def _finish(work: Help, refused: Sequence[BenchkitError]) -> int:
    if refused and not work.searches:
        raise refused[0]
    for error in refused:
        click.echo(f"Left out: {error}", err=True)
    if not work.searches:
        click.echo("Nothing to do: all searches are over.", err=True)
    click.echo(_done(work))
    return 0


def _done(work: Help) -> str:
    total = sum(work.counts.values())
    counts = ", ".join(f"{count} {kind}" for kind, count in work.counts.items())
    trials = "trial" if total == 1 else "trials"
    searches = "search" if work.searches == 1 else "searches"
    return f"{total} {trials} ({counts or 'none'}) in {work.searches} {searches}."


class _Studies:
    """The studies of a dataset, and the data as each of them wants them."""

    def __init__(
        self, storage: str, dataset: str, names: Sequence[str], raw: Path | None, out: Path
    ) -> None:
        self.storage, self.dataset, self.names = storage, dataset, names
        self.raw, self.out = raw, out
        self._prepared: dict[str, PreparedDataset] = {}
        self._check()

    def look(self) -> list[Begun]:
        """Return what there is now."""
        from benchkit.tuning.join import begun

        return begun(self.storage, self._name(), self.names)

    def _name(self) -> str:
        if not self.dataset.endswith(".toml"):
            return self.dataset
        from benchkit.toolkit.session_log import read_toml

        return read_toml(Path(self.dataset), {}).name

    def rebuilt(self, each: Begun) -> Search:
        """Return a search as it is here."""
        from benchkit.toolkit.workspace import workspace
        from benchkit.tuning.join import rebuild

        prepared = self._data(each.about["dataset"]["config"])
        return rebuild(each, prepared, self.storage, workspace(), self.out)

    def _check(self) -> None:
        """Raise unless there are studies, and some of them are on the data that are here."""
        from benchkit.components.registry import registry
        from benchkit.tuning.join import same_data

        if not self.dataset.endswith(".toml"):
            registry().get("dataset", self.dataset)
        found = self.look()
        if not found:
            of = f" of {' or '.join(self.names)}" if self.names else ""
            raise BenchkitError(
                f"no run has begun a search{of} on {self.dataset} in this storage; `benchkit run "
                f"--dataset {self.dataset} --storage ...` with the same storage begins some"
            )
        refused = []
        for each in found:
            try:
                same_data(each, self._data(each.about["dataset"]["config"]))
            except BenchkitError as error:
                refused.append(error)
        if len(refused) == len(found):
            raise refused[-1]

    def _data(self, config: Mapping[str, Any]) -> PreparedDataset:
        from benchkit.data.open import open_dataset
        from benchkit.toolkit.workspace import workspace

        key = json.dumps(config, sort_keys=True)
        if key not in self._prepared:
            self._prepared[key] = open_dataset(self.dataset, workspace(), self.raw, config)
        return self._prepared[key]
