"""`benchkit study`: the trials of a search, and which parameters mattered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchkit.cli.options import folder_option, format_option, out_option
from benchkit.cli.tuning import storage_option

if TYPE_CHECKING:
    from benchkit.tuning.review import Review

TOP = 10


@click.command()
@click.argument("dataset")
@click.argument("recommender")
@format_option("rich", "json")
@folder_option("--pictures", "Also draw the objective against each parameter, as SVG and PNG.")
@storage_option
@out_option
def study(
    dataset: str,
    recommender: str,
    style: str,
    pictures: Path | None,
    storage: str | None,
    out: Path,
) -> None:
    """Show the newest search for RECOMMENDER's configuration on DATASET.

    The ten best configurations with their values on each fold, what became of all trials, and how
    much each parameter mattered. optuna-dashboard opens the same storage.

    \b
    benchkit study steam-sample v-sknn
    benchkit study beauty sasrec --pictures DIR
    """
    from benchkit.leaderboards.published import trials_of
    from benchkit.tuning.review import review

    if pictures:
        from benchkit.toolkit.pictures import altair

        altair()  # a missing extra is an error before the work, not after
    result = review(storage or _journal(out, dataset), dataset, recommender)
    published = trials_of(dataset, recommender)
    if style == "json":
        import json

        content = {**result.as_dict(TOP), "published_trials": published}
        click.echo(json.dumps(content, indent=1))
    else:
        _print(result, published)
    if pictures:
        from benchkit.tuning.review import draw

        for path in draw(result, pictures):
            click.echo(f"Drawn: {path}", err=True)


def _journal(out: Path, dataset: str) -> str:
    """Return the path of a dataset's journal.

    Raises:
        BenchkitError: it does not exist; the message names those that do.
    """
    from benchkit.tuning.review import no_studies
    from benchkit.tuning.storage import journal

    path = Path(journal(out, dataset))
    if not path.exists():
        datasets = [other.stem for other in path.parent.glob("*.journal")]
        raise no_studies(dataset, path.parent, datasets)
    return str(path)


def _print(review: Review, published: float | None) -> None:
    from rich.console import Console

    from benchkit.tuning.review import lines

    console = Console(highlight=False)
    for line in lines(review, TOP):
        console.print(line, markup=False)
    if published is not None:
        console.print(f"The published search tried {published:,} configurations.")
    for rank, trial in enumerate(review.finished[:TOP], start=1):
        folds = " + ".join(f"{value:.4f}" for value in trial.folds)
        console.print(f"{rank:2}. {trial.value:.4f} = {folds}  (trial {trial.trial})")
        console.print(_assignments(trial.parameters), markup=False, style="dim")
    if review.importances:
        console.print("Share of the variance that each parameter explains (fANOVA):")
        for name, share in review.importances.items():
            console.print(f"  {share:5.1%}  {name}", markup=False)
    if review.unranked:
        console.print(f"Importances: {review.unranked}.", markup=False)
    if review.others:
        console.print(f"Older studies: {', '.join(review.others)}", markup=False)


def _assignments(parameters: object) -> str:
    from benchkit.contracts.config import show_value

    assert isinstance(parameters, dict)
    return "    " + " ".join(f"{name}={show_value(v)}" for name, v in parameters.items())
