"""`benchkit evaluate`: metrics again, from the kept lists, without training again."""

from __future__ import annotations

from pathlib import Path

import click

from benchkit.cli.options import out_option, whole_numbers
from benchkit.cli.results import collected, of_each, only, results_of
from benchkit.contracts.errors import BenchkitError
from benchkit.toolkit.texts import visible


@click.command()
@click.argument("dataset", required=False)
@click.option("-r", "--recommender", "names", multiple=True, metavar="NAME", help="Only this one.")
@click.option(
    "--k",
    "cutoffs",
    metavar="K[,K...]",
    callback=whole_numbers("5,10", at_least=1),
    help="More cutoffs of the metrics, besides those that each record has.",
)
@out_option
def evaluate(
    dataset: str | None, names: tuple[str, ...], cutoffs: tuple[int, ...], out: Path
) -> int:
    """Compute every installed metric again from the kept lists of DATASET, or of all datasets.

    A metric that was installed after the run so reaches old rows too. Exit code 1: some records
    could not be read or measured.
    """
    from benchkit.evaluation.remeasure import evaluate_kept
    from benchkit.leaderboards.files import write_leaderboard

    results = of_each(
        results_of(out, dataset), lambda name: only(collected(out, name, here=True), names)
    )
    warned = {warning for part in results for warning in part.warnings}
    failed, changed = bool(warned), set()
    kept = (record for part in results for record in part.records)
    for record, problem in evaluate_kept(out, kept, cutoffs):
        label = f"{record.identity.recommender['name']} on {record.identity.dataset['name']}"
        click.echo(f"{label}: {problem or 'measured again'}", err=bool(problem))
        if problem:
            failed = True
        else:
            changed.add(str(record.identity.dataset["name"]))
    if not changed:
        raise BenchkitError(f"no record was measured again in {out}; `benchkit run` makes records")
    for name in sorted(changed):
        for warning in write_leaderboard(out, name):
            if warning not in warned:
                click.echo(f"Warning: {visible(warning)}", err=True)
    return 1 if failed else 0
