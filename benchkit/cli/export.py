"""`benchkit export`: records to where other experiments are kept."""

from __future__ import annotations

import os
from pathlib import Path

import click

from benchkit.cli.options import out_option
from benchkit.cli.results import results_of
from benchkit.toolkit.texts import visible


@click.command()
@click.argument("dataset")
@click.option("--to", type=click.Choice(["mlflow"]), required=True, expose_value=False)
@click.option(
    "--tracking-uri", "uri", metavar="URI", help="MLflow's server or store.  [default: MLflow's]"
)
@click.option("--experiment", metavar="NAME", help="Of MLflow.  [default: benchkit DATASET]")
@out_option
def export(dataset: str, uri: str | None, experiment: str | None, out: Path) -> None:
    """Make a run in MLflow of each record of DATASET.

    Configuration and seed become parameters, digests and commit tags; the record and, where they
    are here, its lists become artifacts. The same command again adds what is new, and replaces what
    has changed.

    \b
    benchkit export beauty --to mlflow --tracking-uri http://127.0.0.1:5000
    """
    from benchkit.api import export

    # MLflow tries seven times, which takes minutes, and reports its use to its makers.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    results_of(out, dataset, here=False)
    done = export(dataset, out=out, tracking_uri=uri, experiment=experiment)
    click.echo(
        f"{visible(dataset)}: {done.new} new runs in experiment {visible(done.experiment)!r}, "
        f"{done.replaced} replaced, {done.kept} kept"
    )
