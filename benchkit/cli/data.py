"""`benchkit data`: fetch original files, describe a dataset, generate one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchkit.cli.options import folder_option, format_option, protocol_option
from benchkit.components.registry import registry
from benchkit.contracts.errors import ConfigError, DataError
from benchkit.contracts.published import Published
from benchkit.data.open import names_of, statistics
from benchkit.toolkit.workspace import workspace

if TYPE_CHECKING:
    from benchkit.analysis.profile import Portrait
    from benchkit.contracts.dataset import Dataset, PreparedDataset
    from benchkit.contracts.protocol import Protocol
    from benchkit.data.split_card import SplitCard

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
@folder_option(
    "--pictures",
    "Also draw popularity, session lengths and distances, datasets side by side, as SVG and PNG.",
)
@format_option("text", "json")
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
    from benchkit.analysis.profile_pictures import draw
    from benchkit.contracts.protocol import Protocol, parse_ties
    from benchkit.data.open import open_dataset

    rules = Protocol(name=protocol, ties=parse_ties(ties)[0])  # type: ignore[arg-type]
    if folders and len(folders) != len(names):
        raise ConfigError(
            f"--raw takes one folder a dataset, in their order; there are {len(folders)} for "
            f"{', '.join(names)}"
        )
    raw = dict(zip(names, folders, strict=False))
    values = {name: _values(assignments, name, names) for name in names}
    opened = [open_dataset(name, workspace(), raw.get(name), values[name]) for name in names]
    described = [_Described.of(prepared, rules, embedder) for prepared in opened]
    if style == "json":
        content = [dataset.as_dict() for dataset in described]
        click.echo(json.dumps(content[0] if len(content) == 1 else content, indent=2))
    else:
        for place, dataset in enumerate(described):
            click.echo("\n" * bool(place), nl=False)
            dataset.print()
    shapes = {dataset.prepared.name: dataset.shapes for dataset in described}
    for path in draw(shapes, pictures) if pictures else ():
        click.echo(f"Drawn: {path}", err=style == "json")


@dataclass(frozen=True)
class _Described:
    """A dataset, and what `info` says of it."""

    prepared: PreparedDataset
    rules: Protocol
    card: SplitCard
    shapes: Portrait
    published: Published
    embedder: str | None
    texts_cut: int

    @classmethod
    def of(cls, prepared: PreparedDataset, rules: Protocol, embedder: str | None) -> _Described:
        from benchkit.analysis.profile import portrait
        from benchkit.data.split import split_sessions
        from benchkit.embeddings.embed import embed_catalog, held, to_embed
        from benchkit.toolkit.spending import Account

        vectors, cut, published = None, 0, Published()
        if embedder is not None:
            account = Account(cap=0.0)
            vectors = embed_catalog(prepared.catalog, embedder, {}, workspace(), account)
            cut = held(embedder, {}, to_embed(prepared.catalog), workspace()).cut
        if prepared.family in registry().components["dataset"]:
            published = registry().dataset(prepared.family).published
        card = split_sessions(prepared, rules).card
        return cls(prepared, rules, card, portrait(prepared, vectors), published, embedder, cut)

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "dataset": self.prepared.name,
            "synthetic": self.prepared.synthetic,
            "fingerprint": self.prepared.fingerprint,
            "statistics": statistics(self.prepared),
            "published": dict(self.published.statistics),
            "dropped": dict(self.prepared.dropped),
            "checks": dict(self.prepared.checks),
            "warnings": self._warnings(),
            "shapes": dict(self.shapes.rows()),
            **({} if self.embedder is None else {"texts_cut": self.texts_cut}),
            "split": dict(self.card.rows()),
        }

    def _warnings(self) -> list[str]:
        return [*self.prepared.warnings, *self.card.warnings()]

    def print(self) -> None:
        """Print it, warnings on standard error."""
        self._print_statistics()
        _print_rows("Left out", self.prepared.dropped.items())
        _print_rows("Checks", self.prepared.checks.items())
        longer = f"texts longer than {self.embedder} reads"
        cut = [] if self.embedder is None else [(longer, self.texts_cut)]
        _print_rows("Shapes", [*self.shapes.rows(), *cut])
        title = f"Split (protocol {self.rules.name}, ties {self.rules.ties})"
        _print_rows(title, self.card.rows())
        for warning in self._warnings():
            click.echo(f"Warning: {warning}", err=True)

    def _print_statistics(self) -> None:
        from benchkit.leaderboards.published import other_data
        from benchkit.toolkit.texts import fold

        prepared, printed = self.prepared, self.published.statistics
        ours = statistics(prepared)
        click.secho(prepared.name, bold=True)
        if prepared.synthetic:
            click.secho("GENERATED SAMPLE with fictional items, not the real data", fg="yellow")
        click.echo(f"fingerprint {prepared.fingerprint[:16]}\n")
        click.echo(f"  {'Statistics':<{_WIDTH}}{'here':>14}" + f"{'published':>14}" * bool(printed))
        for key, value in ours.items():
            line = f"  {key.replace('_', ' '):<{_WIDTH}}{_LABELS[key].format(value):>14}"
            click.echo(line + (f"{_shown(printed[key], key):>14}" if key in printed else ""))
        reason = printed and other_data(
            prepared.name, prepared.family, self.published, ours, generated=prepared.synthetic
        )
        for line in fold(f"Not comparable: {reason}", _WIDTH + 28) if reason else ():
            click.secho(f"  {line}", fg="yellow")


def _print_rows(title: str, rows: Iterable[tuple[str, str | int]]) -> None:
    for place, (label, value) in enumerate(rows):
        if place == 0:
            click.echo(f"\n{title}")
        text = f"{value:,}" if isinstance(value, int) else value
        click.echo(f"  {label:<{_WIDTH}}{text:>14}")


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


def _shown(figure: float | None, key: str) -> str:
    return "NA" if figure is None else _LABELS[key].format(figure)
