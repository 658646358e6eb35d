"""A generated Steam: two files of Python literals, as the originals are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchkit.contracts.arrays import Int64
from benchkit_plugins.datasets.generate.words import (
    niches,
    series_names,
    shuffled_ids,
    some,
    write_gzip,
)
from benchkit_plugins.datasets.generate.world import Drawn, Shape, World, draw, make_world

NICHES = niches("steam")
PARTS = (
    "", " II", " III", ": Prologue", ": Long Winter", " - Deluxe Edition", ": The Lost Chapter",
    " IV", ": Homecoming", " Remastered", ": After Dark", " V", ": Tales", " VR",
)  # fmt: skip
# Quantiles of the sample of real users that the projects' tests read.
LENGTHS = ((0, 5.5), (0.25, 7), (0.5, 9), (0.75, 14), (0.9, 24), (0.95, 36), (0.99, 90), (1, 400))
SHAPE = Shape(
    niches=len(NICHES),
    items_at_4000=1150,
    lengths=LENGTHS,
    gaps=((0, 1), (0.1, 3), (0.25, 11), (0.5, 41), (0.75, 133), (0.9, 301), (1, 1100)),
    same_day=0.19,
    begin=14_898,  # 2010-10-16
    end=17_536,  # 2018-01-05
)


def write(raw: Path, sessions: int, seed: int) -> None:
    """Write ``steam_games.json.gz`` and ``steam_reviews.json.gz`` into folder `raw`."""
    world = make_world(SHAPE, sessions, seed)
    ids = 10 * (shuffled_ids(world) + 1000)
    write_gzip(raw / "steam_games.json.gz", _games(world, ids.tolist()))
    reviews = (_reviews(drawn, ids, seed) for drawn in draw(world, sessions))
    write_gzip(raw / "steam_reviews.json.gz", reviews)


def _games(world: World, ids: list[int]) -> Iterator[str]:
    names = list(series_names(world, NICHES))
    rng = np.random.default_rng([world.seed, 1 << 42])
    for item, number in enumerate(ids):
        kind = NICHES[world.niche[item]]
        part = int(world.number[item])
        title = names[world.series[item]] + PARTS[part % len(PARTS)]
        title += f" {part}" if part >= len(PARTS) else ""
        chances = rng.random(len(kind.tags)).tolist()
        game: dict[str, object] = {"id": str(number), "title": title, "app_name": title}
        if item % 199 != 198:  # some games have neither, as in the original
            game["genres"] = list(kind.labels)
            game["tags"] = sorted({kind.labels[0], *some(kind.tags, 0.75, chances)})
        yield f"{game!r}\n"


def _reviews(drawn: Drawn, ids: Int64, seed: int) -> str:
    """Return lines of reviews; one in a hundred stands there twice, as in the original."""
    import polars as pl

    chances = np.random.default_rng([seed, 1 << 43, int(drawn.sessions[0])]).random(
        len(drawn.items)
    )
    rows = np.repeat(np.arange(len(drawn.items)), np.where(chances < 0.01, 2, 1))
    days = pl.Series(drawn.days[rows]).cast(pl.Int32).cast(pl.Date)
    frame = pl.DataFrame(
        {"user": drawn.sessions[rows], "item": ids[drawn.items[rows]], "day": days}
    )
    line = pl.concat_str(
        pl.lit("{'username': 'player_"), pl.col("user").cast(pl.String),
        pl.lit("', 'product_id': '"), pl.col("item").cast(pl.String),
        pl.lit("', 'date': '"), pl.col("day").dt.strftime("%Y-%m-%d"), pl.lit("'}\n"),
    )  # fmt: skip
    return "".join(frame.select(line.alias("line")).get_column("line").to_list())
