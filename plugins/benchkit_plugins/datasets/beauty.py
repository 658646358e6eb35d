"""Amazon Beauty, 2014: reviews of cosmetics (paper 7.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from benchkit import hookimpl
from benchkit.contracts.config import Config, param
from benchkit.contracts.dataset import Dataset, DatasetConfig, RawFile, RawTables
from benchkit.toolkit.texts import unescaped
from benchkit_plugins.datasets.published import published_in_paper
from benchkit_plugins.datasets.records.read import INTEGER, NESTED, TEXT, read_columns
from benchkit_plugins.datasets.records.tables import (
    checked_times,
    concat,
    interactions,
    unique_items,
)

if TYPE_CHECKING:
    import polars as pl

_SNAP = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/"
_MIRROR = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon/categoryFiles/"


@dataclass(frozen=True, kw_only=True)
class BeautyConfig(DatasetConfig):
    """How Beauty's reviews become sessions."""

    p_core: int = param(
        5,
        "drop reviewers, then products, with fewer interactions, alternately, until none is left",
        at_least=1,
    )


class Beauty(Dataset):
    """Reviews of cosmetics on Amazon: a session is a reviewer, an interaction a review.

    5-core. Text for embedding: the title, HTML entities decoded. Class for LDA: the sorted words
    of the categories, joined by ``_``. A product without title keeps an empty text.
    """

    name = "beauty"
    source = "paper 7.1.1"
    Config: ClassVar[type[Config]] = BeautyConfig
    files = (
        RawFile(
            "reviews_Beauty.json.gz",
            (_SNAP + "reviews_Beauty.json.gz", _MIRROR + "reviews_Beauty.json.gz"),
        ),
        RawFile(
            "meta_Beauty.json.gz",
            (_SNAP + "meta_Beauty.json.gz", _MIRROR + "meta_Beauty.json.gz"),
            sha256="c7977dc0e0ead14ac7df8c1c6de74da00e4bebfad87a0f0c5763d4c5bc9b53a0",
        ),
    )
    advice = (
        "reviews_Beauty.json.gz and meta_Beauty.json.gz (2014) are linked from "
        "https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html"
    )
    published = published_in_paper("beauty")

    def read(self, raw: Path) -> RawTables:
        """Read reviews (JSON lines) and metadata (Python literals, one a line)."""
        path = raw / "reviews_Beauty.json.gz"
        fields = {"reviewerID": TEXT, "asin": TEXT, "unixReviewTime": INTEGER}
        reviews = interactions(
            (
                rows.frame.get_column("reviewerID"),
                rows.frame.get_column("asin"),
                checked_times(rows, "unixReviewTime", path),
            )
            for rows in read_columns(path, fields)
        )
        items, dropped = _products(raw / "meta_Beauty.json.gz")
        return RawTables(reviews, items, dropped=dropped)

    def generate(self, raw: Path, sessions: int, seed: int) -> None:
        """Write a generated sample: JSON reviews, metadata as Python literals, as the originals."""
        from benchkit_plugins.datasets.generate.beauty import write

        write(raw, sessions, seed)


def _products(path: Path) -> tuple[pl.DataFrame, dict[str, int]]:
    import polars as pl

    fields = {"asin": TEXT, "title": TEXT, "brand": TEXT, "categories": NESTED}
    products = concat(read_columns(path, fields, optional=("title", "brand", "categories")), path)
    titles = _decoded(products.get_column("title").fill_null("")).str.strip_chars()
    brand = pl.when(pl.col("brand").str.len_bytes() > 0).then(pl.concat_list("brand"))
    rows = products.with_columns(titles).select(
        pl.col("asin").alias("item"),
        "title",
        pl.col("title").alias("text"),
        pl.col("categories").list.unique().list.sort().list.join("_").fill_null("").alias("class"),
        pl.concat_list(
            pl.col("categories").fill_null(pl.lit([], dtype=pl.List(pl.String))),
            brand.otherwise(pl.lit([], dtype=pl.List(pl.String))),
        )
        .list.unique(maintain_order=True)
        .alias("attributes"),
    )
    items, twice = unique_items(rows)
    return items, {"products listed twice": twice}


def _decoded(texts: pl.Series) -> pl.Series:
    rows = texts.str.contains("&", literal=True).arg_true()
    return texts.scatter(rows, [unescaped(text) for text in texts.gather(rows)])


@hookimpl
def benchkit_datasets() -> Sequence[type[Dataset]]:
    return [Beauty]
