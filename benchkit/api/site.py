"""The site of leaderboards, and how its rows are run again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchkit.api.experiment import Experiment
from benchkit.contracts.config import show_value
from benchkit.contracts.errors import BenchkitError
from benchkit.leaderboards.files import datasets as datasets_of
from benchkit.leaderboards.rows import Row
from benchkit.report.origins import Repeat
from benchkit.report.site import Site
from benchkit.report.site import write_site as write
from benchkit.toolkit.workspace import leaderboards

_NO_EXPERIMENT = (
    "Its record is of an earlier version and says nothing of cutoffs, costs or how it was searched."
)
_SEARCHED = "A search that ends by time may find another configuration: the one found is below."


def write_site(
    folder: Path | str, datasets: Sequence[str] | None = None, *, out: Path | str | None = None
) -> Site:
    """Write leaderboards as a static site, which any browser shows without a network.

    Args:
        folder: where to; other files in it stay.
        datasets: their names; None for all that have results.
        out: folder of the leaderboards; None for ``leaderboards`` in the workspace.

    Returns:
        The ``index`` and ``pages`` written, and ``warnings`` about what could not be read.

    Raises:
        BenchkitError: there are no results, or the folder cannot be written.
        UnavailableError: the extra ``report`` is not installed.
    """
    source = leaderboards(None if out is None else Path(out))
    names = datasets_of(source) if datasets is None else datasets
    if not names:
        raise BenchkitError(f"there are no results in {source} yet; `benchkit run` makes some")
    return write(source, names, Path(folder), repeat)


def repeat(row: Row) -> Repeat:
    """Return how to run a row again: the experiment it was, of this recommender alone."""
    run = row.newest
    if not run.experiment:
        return Repeat(_command(row), note=_NO_EXPERIMENT)
    try:
        experiment = replace(
            Experiment(**run.experiment),
            recommenders=[row.recommender],
            ties=row.ties,
            seeds=row.seeds,
        )
    except (TypeError, BenchkitError) as error:  # of a later version, or written by hand
        return Repeat(_command(row), note=f"Its experiment cannot be read: {error}.")
    file = f"{row.recommender}.toml"
    note = _SEARCHED if row.search else ""
    return Repeat(shlex.join(["benchkit", "run", file]), file, experiment.to_toml(), note)


def _command(row: Row) -> str:
    """Return the command that a row's identity says."""
    identity = row.newest.identity
    protocol = identity.protocol
    words = ["benchkit", "run", "-r", row.recommender, "--dataset", identity.dataset["name"]]
    words += ["--protocol", protocol["name"], "--trials", "0"]
    words += ["--ties", ",".join(map(str, row.ties)), "--seeds", ",".join(map(str, row.seeds))]
    if protocol.get("max_prompts") is not None:
        words += ["--max-prompts", str(protocol["max_prompts"])]
    # Of a configuration that a search has found nothing is a preset any more.
    own = identity.config if row.search else row.overrides
    for name, value in own.items():
        target = name if "." in name else f"{row.recommender}.{name}"
        words += ["--set", f"{target}={show_value(value)}"]
    return shlex.join(words)
