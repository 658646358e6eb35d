"""`benchkit prompts`: what language models are shown, and the files that providers take."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchkit.cli.options import protocol_option, raw_option, read_assignments, set_option
from benchkit.data.open import take_values

if TYPE_CHECKING:
    from benchkit.contracts.prompted import Example, Pairs

_INDENT = "    "


@click.command()
@click.argument("dataset", metavar="DATASET|TOML")
@click.option("--task", required=True, metavar="NAME", help="Task, or recommender that has one.")
@click.option(
    "-n", "count", type=click.IntRange(0), default=3, show_default=True, help="How many to show."
)
@raw_option
@set_option
@protocol_option
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed, as of runs."
)
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    metavar="DOLLARS",
    help="Cap on embeddings that the task needs.",
)
@click.option(
    "--export",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="New folder for all pairs, as fine-tuning services take them.",
)
def prompts(
    dataset: str,
    task: str,
    count: int,
    raw: Path | None,
    assignments: tuple[str, ...],
    protocol: str,
    seed: int,
    max_cost: float,
    export: Path | None,
) -> None:
    """Print samples of what a model would be fine-tuned on from DATASET's training sessions.

    No language model is asked.

    \b
    benchkit prompts beauty --task rank -n 3
    benchkit prompts beauty --task gen-item --export files
    """
    from benchkit.analysis.prompts import prompted, training_pairs
    from benchkit.components.registry import registry
    from benchkit.contracts.protocol import Protocol
    from benchkit.data.open import open_dataset
    from benchkit.evaluation.settings import Settings, usual_preset
    from benchkit.toolkit.workspace import workspace

    kind = prompted(task)
    values = read_assignments(assignments)
    own = take_values(values, dataset)
    for name in values:
        registry().find(name)
    if export is not None:
        _refuse_full(export)
    prepared = open_dataset(dataset, workspace(), raw, own)
    settings = Settings(
        protocol=Protocol(name=protocol),  # type: ignore[arg-type]
        preset=usual_preset(prepared),
        overrides=values,
        cutoffs=(1,),
        seed=seed,
        workspace=workspace(),
        out=workspace(),
        max_cost=max_cost,
    )
    recommender, pairs = training_pairs(kind, prepared, settings)
    click.echo(
        f"{prepared.name}, {kind.name}: {len(pairs.train):,} pairs to train on, "
        f"{len(pairs.validation):,} to validate"
    )
    for line in _samples(pairs, count, seed):
        click.echo(line)
    if export is not None:
        _write(export, recommender.exports(pairs))


def _samples(pairs: Pairs, count: int, seed: int) -> Iterator[str]:
    """Yield lines that show some training pairs, drawn by the seed."""
    import numpy as np

    total = len(pairs.train)
    drawn = np.random.default_rng(seed).choice(total, min(count, total), replace=False)
    for number in sorted(drawn.tolist()):
        yield ""
        yield click.style(f"Pair {number + 1:,}", bold=True)
        yield from _shown(pairs.train[number])


def _shown(pair: Example) -> Iterator[str]:
    """Yield a pair's lines, in which nothing acts, for titles are hostile text."""
    from benchkit.toolkit.texts import fold, visible

    width = min(80, shutil.get_terminal_size((80, 24)).columns) - len(_INDENT)
    turns = [(message.role, message.content) for message in pair.prompt]
    for role, content in (*turns, ("wanted answer", pair.completion)):
        yield click.style(f"  {role}", fg="cyan")
        for line in content.split("\n"):
            yield from (f"{_INDENT}{part}" for part in fold(visible(line), width))


def _refuse_full(folder: Path) -> None:
    from benchkit.contracts.errors import BenchkitError

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BenchkitError(f"{folder} exists already; name an empty or new folder with --export")


def _write(folder: Path, files: Mapping[str, str]) -> None:
    from benchkit.toolkit.files import write_atomically

    # Not the folder as a whole: where it is the workspace, what this command prepared lies there.
    for name, content in files.items():
        write_atomically(folder / name, content)
    click.echo(f"\n{folder} holds {', '.join(files)}")
