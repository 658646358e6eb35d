"""`benchkit evaluate`: metrics anew from the kept lists, without training again."""

from __future__ import annotations

from pathlib import Path

import click

from benchkit.cli.options import cutoffs_option, out_option
from benchkit.errors import BenchkitError


@click.command()
@click.argument("dataset", required=False)
@click.option("-r", "--recommender", "names", multiple=True, metavar="NAME", help="Only this one.")
@cutoffs_option
@out_option
def evaluate(
    dataset: str | None, names: tuple[str, ...], cutoffs: tuple[int, ...], out: Path
) -> None:
    """Compute every installed metric anew from the kept lists of DATASET, or of all datasets.

    A metric that was installed after the run so reaches old rows too.
    """
    from benchkit.evaluation import evaluate_kept
    from benchkit.stages.boards import write_leaderboard

    changed = set()
    for record, problem in evaluate_kept(out, dataset, names, cutoffs):
        label = f"{record.identity.recommender['name']} on {record.identity.dataset['name']}"
        click.echo(f"{label}: {problem or 'measured anew'}", err=bool(problem))
        if not problem:
            changed.add(str(record.identity.dataset["name"]))
    if not changed:
        raise BenchkitError(f"no record was measured anew in {out}; `benchkit run` makes records")
    for name in sorted(changed):
        write_leaderboard(out, name)
