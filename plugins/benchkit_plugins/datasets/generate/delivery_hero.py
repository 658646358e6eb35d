"""A generated session log of grocery orders, as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchkit_plugins.datasets.generate.words import (
    coined,
    niches,
    series_names,
    shuffled_ids,
    some,
)
from benchkit_plugins.datasets.generate.world import DAY, Shape, World, draw, make_world

if TYPE_CHECKING:
    import polars as pl

NICHES = niches("delivery-hero")
SIZES = ("1 l", "500 g", "6 x 0.5 l", "250 g", "family size", "1 kg", "single", "twin pack")
LENGTHS = ((0, 1), (0.08, 1.9), (0.3, 3), (0.5, 4.3), (0.75, 7.3), (0.9, 11.5), (0.99, 28), (1, 80))
SHAPE = Shape(
    niches=len(NICHES),
    items_at_4000=1400,
    lengths=LENGTHS,
    gaps=((0, 1), (0.25, 4), (0.5, 9), (0.75, 20), (1, 90)),
    same_day=0.75,
    begin=18_900,  # 2021-09-30
    end=19_080,  # 2022-03-29
    follow=0.25,
    stray=0.2,
    skew=0.8,
)


def write(raw: Path, sessions: int, seed: int) -> None:
    """Write ``items.csv`` and ``interactions.csv`` into folder `raw`."""
    import polars as pl

    world = make_world(SHAPE, sessions, seed)
    ids = shuffled_ids(world)
    _items(world, ids.tolist()).write_csv(raw / "items.csv")
    clock = np.random.default_rng([seed, 1 << 43])
    with (raw / "interactions.csv").open("wb") as file:
        for part, drawn in enumerate(draw(world, sessions)):
            basket = 8 * 3600 + np.floor(clock.random(int(drawn.sessions[-1]) + 1) * 12 * 3600)
            times = drawn.days * DAY + basket[drawn.sessions].astype(np.int64)
            columns = {"session": drawn.sessions, "item": ids[drawn.items], "time": times}
            frame = pl.DataFrame(columns).with_columns(
                session=pl.concat_str(pl.lit("s"), pl.col("session").cast(pl.String)),
                item=pl.concat_str(pl.lit("p"), pl.col("item").cast(pl.String)),
            )
            file.write(frame.write_csv(include_header=not part).encode("utf-8"))


def _items(world: World, ids: list[int]) -> pl.DataFrame:
    import polars as pl

    names = list(series_names(world, NICHES))
    rng = np.random.default_rng([world.seed, 1 << 42])
    rows = []
    for item, number in enumerate(ids):
        kind = NICHES[world.niche[item]]
        words = some(kind.tags, 0.35, rng.random(len(kind.tags)).tolist())[:2]
        name = f"{coined(int(world.series[item]))} {names[world.series[item]].replace('-', ' ')}"
        text = f"{name} {' '.join(words)}, {SIZES[world.number[item] % len(SIZES)]}"
        rows.append((f"p{number}", text, kind.labels[0]))
    return pl.DataFrame(rows, schema=["item", "text", "class"], orient="row")
