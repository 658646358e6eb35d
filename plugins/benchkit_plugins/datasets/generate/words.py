"""Names of series and ids of items, from vocabularies of our own invention; packed files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchkit.contracts.arrays import Int64
from benchkit_plugins.datasets.generate.world import World

_BEGIN = (
    "Al Bri Cor Del El Fen Gal Hol Il Jun Kel Lor Mar Nim Or Pel Quin Ros Sil Tam Ul Ver Wyn Zel"
)
_MIDDLE = "a e i o u ara eli iva ona und"
_END = "bel dor fey la lin lys mar na nor ra rian sa ta va vine wen"


@dataclass(frozen=True)
class Niche:
    """The vocabulary of one niche of items.

    Attributes:
        labels: genres, or a path of categories.
        tags: words from which each item takes some.
        qualities: first words of names.
        things: last words of names.
    """

    labels: Sequence[str]
    tags: Sequence[str]
    qualities: Sequence[str]
    things: Sequence[str]


def niches(name: str) -> list[Niche]:
    """Return the niches of a vocabulary: ``vocabulary/<name>.json``, beside this file."""
    path = Path(__file__).parent / "vocabulary" / f"{name}.json"
    return [
        Niche(entry["labels"], entry["tags"], entry["qualities"].split(), entry["things"].split())
        for entry in json.loads(path.read_text(encoding="utf-8"))
    ]


def series_names(world: World, kinds: Sequence[Niche]) -> Iterator[str]:
    """Yield the name of each series: a quality and a thing of its niche, each pair once.

    Where a niche has more series than pairs, a name of a place is put behind.
    """
    rng = np.random.default_rng([world.seed, 1 << 40])
    firsts = np.searchsorted(world.series, np.arange(world.series[-1] + 1))
    of_series = world.niche[firsts]
    for place, kind in enumerate(kinds):
        pairs = [f"{first} {second}" for first in kind.qualities for second in kind.things]
        order = np.argsort(rng.random(len(pairs)), kind="stable")
        for number in range(int(np.count_nonzero(of_series == place))):
            lap, pair = divmod(number, len(pairs))
            yield pairs[order[pair]] + (f" of {coined(lap)}" if lap else "")


def coined(number: int) -> str:
    """Return the name of a place or brand: a different one for each number."""
    begins, middles, ends = _BEGIN.split(), _MIDDLE.split(), _END.split()
    # 7 shares no factor with the number of beginnings times endings, so all pairs come up.
    rest, pick = divmod(number * 7, len(begins))
    rest, end = divmod(rest + number, len(ends))
    word = begins[pick] + middles[(number // 3) % len(middles)] + ends[end]
    return word + (f" {number}" if number >= len(begins) * len(ends) else "")


def some(words: Sequence[str], share: float, chances: Sequence[float]) -> list[str]:
    """Return the words whose chance is under `share`, at least the first, in their order."""
    return [word for word, chance in zip(words, chances, strict=False) if chance < share] or [
        words[0]
    ]


def shuffled_ids(world: World) -> Int64:
    """Return a number for each item that tells nothing about it, ``int64[items]``."""
    rng = np.random.default_rng([world.seed, 1 << 41])
    return np.argsort(rng.random(len(world)), kind="stable")


def write_gzip(path: Path, pieces: Iterable[str]) -> None:
    """Write pieces of text; neither the time nor the file's name enters."""
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=4, fileobj=file, mtime=0) as packed,
    ):
        for piece in pieces:
            packed.write(piece.encode("utf-8"))
