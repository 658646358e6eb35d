"""Steam, version 2: reviews of games by players (paper 7.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from benchkit import hookimpl
from benchkit.contracts.config import Config, param
from benchkit.contracts.dataset import Dataset, DatasetConfig, RawFile, RawTables
from benchkit_plugins.datasets.published import published_in_paper
from benchkit_plugins.datasets.records.read import TEXT, TEXTS, read_columns
from benchkit_plugins.datasets.records.tables import (
    concat,
    interactions,
    seconds_of_days,
    unique_items,
)

if TYPE_CHECKING:
    import polars as pl

_MIRROR = "https://mcauleylab.ucsd.edu/public_datasets/data/steam/"
_HOME = "https://cseweb.ucsd.edu/~wckang/"
_LACKING = "games lacking id, title, genres or tags"


@dataclass(frozen=True, kw_only=True)
class SteamConfig(DatasetConfig):
    """How Steam's reviews become sessions."""

    p_core: int = param(
        5,
        "drop players, then games, with fewer interactions, alternately, until none is left",
        at_least=1,
    )
    repeats: Literal["keep", "earliest"] = param(
        "earliest", "what to do with repeated (player, game) pairs"
    )
    class_from: Literal["genres", "tags"] = param(
        "genres", "what a game's class for LDA is made of: its sorted words, joined by _"
    )


class Steam(Dataset):
    """Reviews of games on Steam: a session is a player, an interaction a reviewed game.

    Games lacking id, title, genres or tags are dropped with their interactions; of repeated
    (player, game) pairs the earliest stays; then 5-core. Text for embedding: title and tags.
    Players are keyed by user name, as the authors do.
    """

    name = "steam"
    source = "paper 7.1.1"
    Config: ClassVar[type[Config]] = SteamConfig
    files = (
        RawFile(
            "steam_reviews.json.gz",
            (_HOME + "steam_reviews.json.gz", _MIRROR + "steam_reviews.json.gz"),
            size=1_338_063_248,
        ),
        RawFile(
            "steam_games.json.gz",
            (_HOME + "steam_games.json.gz", _MIRROR + "steam_games.json.gz"),
            size=2_740_516,
            sha256="717f4653a26585fec8f463f59311a654127c2ed66b07b9f78b4c0ce64961c740",
        ),
    )
    advice = (
        "steam_reviews.json.gz and steam_games.json.gz (version 2) are linked from "
        "https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data"
    )
    published = published_in_paper("steam")

    def read(self, raw: Path) -> RawTables:
        """Read reviews and games; both files hold Python literals, one a line."""

        config = cast(SteamConfig, self.config)
        items, dropped = _games(raw / "steam_games.json.gz", config.class_from)
        path = raw / "steam_reviews.json.gz"
        reviews = interactions(
            (
                rows.frame.get_column("username"),
                rows.frame.get_column("product_id"),
                seconds_of_days(rows, "date", path),
            )
            for rows in read_columns(path, {"username": TEXT, "product_id": TEXT, "date": TEXT})
        )
        return RawTables(reviews, items, only_listed=True, dropped=dropped)

    def generate(self, raw: Path, sessions: int, seed: int) -> None:
        """Write a generated sample as Python literals, as the originals are."""
        from benchkit_plugins.datasets.generate.steam import write

        write(raw, sessions, seed)


def _games(path: Path, class_from: str) -> tuple[pl.DataFrame, dict[str, int]]:
    import polars as pl

    fields = {"id": TEXT, "title": TEXT, "genres": TEXTS, "tags": TEXTS}
    games = concat(read_columns(path, fields, optional=fields), path)
    whole = games.filter(
        (pl.col("id").str.len_bytes() > 0)
        & (pl.col("title").str.len_bytes() > 0)
        & (pl.col("genres").list.len() > 0)
        & (pl.col("tags").list.len() > 0)
    )
    items, twice = unique_items(
        whole.select(
            pl.col("id").alias("item"),
            "title",
            (pl.col("title") + ": " + pl.col("tags").list.join(", ")).alias("text"),
            pl.col(class_from).list.unique().list.sort().list.join("_").alias("class"),
            pl.concat_list("genres", "tags").list.unique(maintain_order=True).alias("attributes"),
        )
    )
    return items, {_LACKING: len(games) - len(whole), "games listed twice": twice}


@hookimpl
def benchkit_datasets() -> Sequence[type[Dataset]]:
    return [Steam]
