"""`benchkit data`: fetch original files, describe a dataset, generate one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchkit.cli.options import protocol_option
from benchkit.components.registry import registry
from benchkit.contracts.errors import ConfigError, DataError
from benchkit.contracts.published import Published
from benchkit.data.open import names_of
from benchkit.toolkit.workspace import workspace

if TYPE_CHECKING:
    from benchkit.analysis.profile import Portrait
    from benchkit.contracts.arrays import Float32
    from benchkit.contracts.dataset import Dataset, PreparedDataset
    from benchkit.contracts.protocol import Protocol, Ties

_LABELS = {
    "sessions": "{:,.0f}",
    "items": "{:,.0f}",
    "classes": "{:,.0f}",
    "interactions": "{:,.0f}",
    "average_session_length": "{:.1f}",
    "density_percent": "{:.3f}",
}
_WIDTH = 46


@click.group()
def data() -> None:
    """Fetch, describe and generate datasets."""


@data.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the files.  [default: datasets/NAME/raw]",
)
def fetch(name: str, out: Path | None) -> None:
    """Download the original files of dataset NAME.

    Interrupted, the same command goes on where it stopped. Where the files cannot be downloaded,
    it says what to put where.
    """
    from benchkit.data.download import download
    from benchkit.evaluation.display import counting

    dataset = registry().dataset(name)
    folder = out or workspace() / "datasets" / name / "raw"
    if not dataset.files or not all(file.urls for file in dataset.files):
        raise DataError(f"{name} cannot be downloaded. {dataset.advice}; the folder is {folder}")
    if dataset.advice:
        click.echo(f"{dataset.advice}.")
    for file in dataset.files:
        with counting(file.name, "bytes") as report:
            path = download(file, folder, report)
        click.echo(f"{path}: {path.stat().st_size:,} bytes")


@data.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--raw",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of raw files; of several datasets one each, in their order.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PARAM=VALUE",
    help="A parameter of the dataset, such as p_core=1.",
)
@click.option(
    "--ties", default="0", show_default=True, metavar="SEED|file", help="Order of equal timestamps."
)
@protocol_option
@click.option(
    "--embedder",
    metavar="NAME",
    help="Also how close the items of a session are, by this embedder.",
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also draw popularity, session lengths and distances, datasets side by side, as SVG and "
    "PNG.",
)
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def info(
    names: tuple[str, ...],
    folders: tuple[Path, ...],
    assignments: tuple[str, ...],
    ties: str,
    protocol: str,
    embedder: str | None,
    pictures: Path | None,
    style: str,
) -> None:
    """Print statistics of datasets (or .toml files) beside the published ones, and their splits.

    \b
    benchkit data info beauty --raw DIR --set beauty.p_core=1
    benchkit data info beauty steam --embedder minilm --pictures DIR
    """
    import json

    from benchkit.analysis.profile import portrait
    from benchkit.analysis.profile_pictures import draw
    from benchkit.contracts.protocol import Protocol, parse_ties
    from benchkit.data.open import open_dataset

    order: Ties = parse_ties(ties)[0]
    rules = Protocol(name=protocol, ties=order)  # type: ignore[arg-type]
    values = {name: _values(assignments, name, names) for name in names}
    raw = _raw_folders(names, folders)
    opened = [open_dataset(name, workspace(), raw.get(name), values[name]) for name in names]
    shapes = {
        prepared.name: portrait(prepared, _vectors(prepared, embedder) if embedder else None)
        for prepared in opened
    }
    if style == "json":
        content = [
            _plain_data(prepared, rules, shapes[prepared.name], embedder) for prepared in opened
        ]
        click.echo(json.dumps(content[0] if len(content) == 1 else content, indent=2))
    else:
        for place, prepared in enumerate(opened):
            click.echo("\n" * bool(place), nl=False)
            _print_all(prepared, rules, shapes[prepared.name], embedder)
    for path in draw(shapes, pictures) if pictures else ():
        click.echo(f"Drawn: {path}", err=style == "json")


def _raw_folders(names: tuple[str, ...], folders: tuple[Path, ...]) -> dict[str, Path]:
    """Return the folder of raw files of each dataset.

    Raises:
        ConfigError: there are folders, and not one for each dataset.
    """
    if folders and len(folders) != len(names):
        raise ConfigError(
            f"--raw takes one folder a dataset, in their order; there are {len(folders)} for "
            f"{', '.join(names)}"
        )
    return dict(zip(names, folders, strict=False))


def _plain_data(
    prepared: PreparedDataset, rules: Protocol, shapes: Portrait, embedder: str | None
) -> dict[str, object]:
    """Return what is said of a dataset as plain data."""
    from benchkit.data.open import statistics
    from benchkit.data.split import split_sessions

    split = split_sessions(prepared, rules)
    return {
        "dataset": prepared.name,
        "synthetic": prepared.synthetic,
        "fingerprint": prepared.fingerprint,
        "statistics": statistics(prepared),
        "published": dict(_published(prepared).statistics),
        "dropped": dict(prepared.dropped),
        "checks": dict(prepared.checks),
        "warnings": [*prepared.warnings, *split.card.warnings()],
        "shapes": dict(shapes.rows()),
        **({} if embedder is None else {"texts_cut": _cut(prepared, embedder)}),
        "split": dict(split.card.rows()),
    }


def _print_all(
    prepared: PreparedDataset, rules: Protocol, shapes: Portrait, embedder: str | None
) -> None:
    from benchkit.data.open import statistics
    from benchkit.data.split import split_sessions

    split = split_sessions(prepared, rules)
    _print_data(prepared, statistics(prepared), _published(prepared))
    click.echo("\nShapes")
    for label, value in shapes.rows():
        click.echo(f"  {label:<{_WIDTH}}{value:>14}")
    if embedder is not None:
        label = f"texts longer than {embedder} reads"
        click.echo(f"  {label:<{_WIDTH}}{_cut(prepared, embedder):>14,}")
    click.echo(f"\nSplit (protocol {rules.name}, ties {rules.ties})")
    for label, value in split.card.rows():
        click.echo(f"  {label:<{_WIDTH}}{value:>14}")
    for warning in (*prepared.warnings, *split.card.warnings()):
        click.echo(f"Warning: {warning}", err=True)


def _vectors(prepared: PreparedDataset, embedder: str) -> Float32:
    from benchkit.embeddings.embed import embed_catalog
    from benchkit.toolkit.spending import Account

    return embed_catalog(prepared.catalog, embedder, {}, workspace(), Account(cap=0.0))


def _cut(prepared: PreparedDataset, embedder: str) -> int:
    from benchkit.embeddings.embed import held, to_embed

    return held(embedder, {}, to_embed(prepared.catalog), workspace()).cut


@data.command()
@click.argument("name")
@click.option(
    "--sessions", type=click.IntRange(min=10), required=True, help="How many to generate."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the files.  [default: datasets/NAME/made/N-sessions-seed-S]",
)
def make(name: str, sessions: int, seed: int, out: Path | None) -> None:
    """Generate raw files like those of dataset NAME, of any size, with fictional items.

    The same seed gives the same files. `--raw DIR` of other commands takes them.
    """
    from benchkit.toolkit.files import folder_atomically

    dataset = _plain(name)
    if not dataset.generates():
        raise DataError(f"{name} generates no sample")
    label = f"{sessions}-sessions-seed-{seed}"
    folder = out or workspace() / "datasets" / name / "made" / label
    if folder.exists() and any(folder.iterdir()):
        raise DataError(f"{folder} is not empty; name another folder with --out")
    with folder_atomically(folder) as new:
        dataset.generate(new, sessions, seed)
    click.echo(f"{folder}: {sessions:,} generated sessions, fictional items")


def _plain(name: str) -> Dataset:
    kind = registry().dataset(name)
    return kind(kind.Config.create({}, name))


def _values(assignments: tuple[str, ...], name: str, names: tuple[str, ...]) -> dict[str, str]:
    """Read ``PARAM=VALUE``, or ``NAME.PARAM=VALUE`` as `benchkit run` takes it.

    Args:
        assignments: the texts.
        name: the dataset whose values are wanted.
        names: all datasets; what is set for another by its name is none of this one's.
    """
    values = {}
    others = {alias for dataset in names for alias in names_of(dataset)} - set(names_of(name))
    for text in assignments:
        parameter, equals, value = text.partition("=")
        if parameter.partition(".")[0] in others:
            continue
        for own in names_of(name):
            parameter = parameter.removeprefix(f"{own}.")
        if not equals or not parameter:
            raise ConfigError(f"--set takes PARAM=VALUE, such as p_core=1; not {text!r}")
        values[parameter] = value
    return values


def _published(prepared: PreparedDataset) -> Published:
    if prepared.family not in registry().components["dataset"]:
        return Published()
    return registry().dataset(prepared.family).published


def _print_data(
    prepared: PreparedDataset, statistics: dict[str, float], published: Published
) -> None:
    from benchkit.toolkit.texts import fold

    click.secho(prepared.name, bold=True)
    if prepared.synthetic:
        click.secho("GENERATED SAMPLE with fictional items, not the real data", fg="yellow")
    click.echo(f"fingerprint {prepared.fingerprint[:16]}")
    printed = published.statistics
    click.echo(f"\n  {'Statistics':<{_WIDTH}}{'here':>14}" + f"{'published':>14}" * bool(printed))
    for key, value in statistics.items():
        line = f"  {key.replace('_', ' '):<{_WIDTH}}{_LABELS[key].format(value):>14}"
        click.echo(line + (f"{_shown(printed[key], key):>14}" if key in printed else ""))
    if printed and (reason := _not_comparable(prepared, published)):
        for line in fold(f"Not comparable: {reason}", _WIDTH + 28):
            click.secho(f"  {line}", fg="yellow")
    for title, counts in (("Left out", prepared.dropped), ("Checks", prepared.checks)):
        if counts:
            click.echo(f"\n{title}")
        for label, count in counts.items():
            click.echo(f"  {label:<{_WIDTH}}{count:>14,}")


def _not_comparable(prepared: PreparedDataset, published: Published) -> str:
    """Return how the data differ from those that were published about, "" if they do not."""
    from benchkit.data.open import statistics
    from benchkit.leaderboards.published import other_data

    return other_data(
        prepared.name,
        prepared.family,
        published,
        statistics(prepared),
        generated=prepared.synthetic,
    )


def _shown(figure: float | None, key: str) -> str:
    return "NA" if figure is None else _LABELS[key].format(figure)
