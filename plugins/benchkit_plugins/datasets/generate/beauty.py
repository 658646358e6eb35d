"""A generated Beauty: reviews as JSON lines, metadata as Python literals, as the originals are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchkit.contracts.arrays import Int64
from benchkit_plugins.datasets.generate.words import (
    coined,
    niches,
    series_names,
    shuffled_ids,
    some,
    write_gzip,
)
from benchkit_plugins.datasets.generate.world import DAY, Drawn, Shape, World, draw, make_world

NICHES = niches("beauty")
SIZES = (
    "1 Ounce", "2 oz", "8.5 Fluid Ounce", "Travel Size", "(Pack of 2)", "12 Ounce", "Refill",
    "0.5 oz", "Gift Set", "3.4 Ounce",
)  # fmt: skip
LENGTHS = ((0, 5.2), (0.4, 6.2), (0.6, 8), (0.75, 10), (0.9, 15), (0.95, 22), (0.99, 45), (1, 200))
SHAPE = Shape(
    niches=len(NICHES),
    items_at_4000=1150,
    lengths=LENGTHS,
    gaps=((0, 1), (0.1, 3), (0.25, 13), (0.5, 47), (0.75, 147), (0.9, 327), (1, 1300)),
    same_day=0.44,
    begin=14_000,  # 2008-05-01
    end=16_274,  # 2014-07-23
    follow=0.45,
)


def write(raw: Path, sessions: int, seed: int) -> None:
    """Write ``meta_Beauty.json.gz`` and ``reviews_Beauty.json.gz`` into folder `raw`."""
    world = make_world(SHAPE, sessions, seed)
    ids = shuffled_ids(world)
    write_gzip(raw / "meta_Beauty.json.gz", _products(world, ids.tolist()))
    reviews = (_reviews(drawn, ids) for drawn in draw(world, sessions))
    write_gzip(raw / "reviews_Beauty.json.gz", reviews)


def _products(world: World, ids: list[int]) -> Iterator[str]:
    names = list(series_names(world, NICHES))
    rng = np.random.default_rng([world.seed, 1 << 42])
    for item, number in enumerate(ids):
        kind = NICHES[world.niche[item]]
        brand = coined(int(world.series[item]))
        chances = rng.random(len(kind.tags)).tolist()
        name = names[world.series[item]].replace("-", " ")
        title = (
            " ".join([brand, name, *some(kind.tags, 0.35, chances)[:3]])
            + f", {SIZES[world.number[item] % len(SIZES)]}"
        )
        product: dict[str, object] = {"asin": f"B{number:09d}"}
        if item % 499 != 498:  # some have no title, as in the original
            product["title"] = title.replace("&", "&amp;")
        if item % 5:
            product["brand"] = brand
        product["categories"] = [list(kind.labels)]
        yield f"{product!r}\n"


def _reviews(drawn: Drawn, ids: Int64) -> str:
    import polars as pl

    columns = {"user": drawn.sessions, "item": ids[drawn.items], "time": drawn.days * DAY}
    line = pl.concat_str(
        pl.lit('{"reviewerID": "A'), pl.col("user").cast(pl.String).str.zfill(9),
        pl.lit('", "asin": "B'), pl.col("item").cast(pl.String).str.zfill(9),
        pl.lit('", "unixReviewTime": '), pl.col("time").cast(pl.String), pl.lit("}\n"),
    )  # fmt: skip
    frame = pl.DataFrame(columns).select(line.alias("line"))
    return "".join(frame.get_column("line").to_list())
