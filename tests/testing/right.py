"""Right components, which pass every check; the wrong ones derive from them."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from benchkit import (
    Bench,
    Choice,
    Config,
    DataError,
    Dataset,
    Embedder,
    ExcludeSeen,
    Float,
    Metric,
    RankedLists,
    RawTables,
    Recommendations,
    Recommender,
    Reducer,
    Sessions,
    param,
)
from benchkit.contracts.config import Value
from benchkit.toolkit.ranking import excluded, tie_keys, top_k


@dataclass(frozen=True, kw_only=True)
class ChainConfig(Config):
    """Parameters of the right recommender."""

    backoff: float = param(0.1, "weight of popularity", search=Float(0.01, 1, log=True), at_least=0)
    weighting: Literal["count", "share"] = param(
        "count", "how transitions count", search=Choice("count", "share")
    )
    exclude_seen: ExcludeSeen = param("read", "prompt items to keep out")


class Chain(Recommender):
    """What followed the prompt's last item, then what is popular."""

    name = "chain"
    source = "ours"
    Config = ChainConfig
    config: ChainConfig
    presets: ClassVar[Mapping[str, Mapping[str, Value]]] = {"steam": {"backoff": 0.5}}

    def fit(self, train: Sessions, bench: Bench) -> None:
        items = len(bench.catalog)
        self.items, self.seed = items, bench.seed
        self.popularity = np.bincount(train.items, minlength=items)
        self.follows = np.zeros((items, items))
        inner = train.positions[1:] > 0
        np.add.at(self.follows, (train.items[:-1][inner], train.items[1:][inner]), 1)

    def score(self, prompts: Sessions) -> Any:
        scores = np.tile(
            self.config.backoff * self.popularity / self.popularity.sum(), (len(prompts), 1)
        )
        read = prompts.last(1)
        scores[read.owners] += self.follows[read.items]
        scores[:, self.popularity == 0] = -np.inf
        return scores.astype(np.float32)

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        exclude = excluded(prompts, prompts.last(1), self.config.exclude_seen)
        return top_k(self.score(prompts), k, tie_keys(prompts, self.seed), exclude)


class HitRate(Metric):
    """Share of prompts whose truth is in the list."""

    name = "hit-rate"
    source = "ours"
    higher_is_better = True
    bounds = (0.0, 1.0)
    formula = "hits / prompts"

    def values(self, lists: RankedLists, k: int) -> Any:
        return ((lists.ranks > 0) & (lists.ranks <= k)).astype(np.float64)


class Words(Embedder):
    """Hashed words."""

    name = "words"
    source = "ours"

    def embed(self, texts: Sequence[str]) -> Any:
        vectors = np.zeros((len(texts), 32), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, zlib.crc32(word.encode()) % 32] += 1
        return vectors


class Directions(Reducer):
    """Projection on the main directions."""

    name = "directions"
    source = "ours"

    def fit(self, vectors: Any, classes: Any, dim: int, seed: int) -> None:
        self.mean = vectors.mean(axis=0)
        directions = np.linalg.svd(vectors - self.mean, full_matrices=False)[2][:dim]
        self.directions = directions * np.sign(directions[:, :1])

    def transform(self, vectors: Any) -> Any:
        return ((vectors - self.mean) @ self.directions.T).astype(np.float32)


class Log(Dataset):
    """A session log in one CSV file."""

    name = "log"
    source = "ours"

    def read(self, raw: Path) -> RawTables:
        import polars as pl

        if not (raw / "log.csv").exists():
            raise DataError(f"{raw / 'log.csv'} is missing")
        log = pl.read_csv(raw / "log.csv", schema_overrides={"time": pl.Int64})
        items = log.select("item").unique(maintain_order=True)
        words = [pl.col("item").alias(name) for name in ("title", "text", "class")]
        return RawTables(log, items.with_columns(*words, attributes=pl.concat_list("item")))

    def rows(self, sessions: int, seed: int) -> list[tuple[str, str, int]]:
        rng = np.random.default_rng(seed)
        picks = rng.integers(0, 50, size=(sessions, 4)).tolist()
        return [(f"s{s}", f"i{item}", s) for s, row in enumerate(picks) for item in row]

    def generate(self, raw: Path, sessions: int, seed: int) -> None:
        with (raw / "log.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("session", "item", "time"), *self.rows(sessions, seed)])
