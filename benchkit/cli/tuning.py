"""Options of the search that goes before an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from benchkit.tuning.budget import DEFAULT_SECONDS

storage_option = click.option(
    "--storage",
    metavar="FILE|URL",
    help="Where studies are kept: a journal file, or a database such as postgresql://... (extra "
    "`postgres`), which `benchkit worker` on other machines joins.  "
    "[default: OUT/studies/DATASET.journal]",
)


def tuning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of tuning to a command."""
    options = (
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

    for option in reversed(options):
        command = option(command)
    return command
