"""Session-based nearest neighbours: what SKNN and its variants share (paper 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchkit import Bench, Choice, Config, ExcludeSeen, Int, Recommendations, Recommender, param
from benchkit.contracts.arrays import Float64, Int64
from benchkit.contracts.sessions import Sessions
from benchkit.toolkit.ranking import excluded, tie_keys, top_k_of
from benchkit_plugins.recommenders.neighbours.index import (
    NeighbourIndex,
    Neighbours,
    spans,
    take_best,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_BATCH = 1 << 22  # index entries read and scores held at once


@dataclass(frozen=True, kw_only=True)
class NeighbourhoodConfig(Config):
    """Parameters of all variants; ranges of the paper's online material."""

    k: int = param(
        100, "most similar neighbours that vote", search=Int(50, 500), unit="sessions", at_least=1
    )
    sample_size: int = param(
        500, "candidates compared", search=Int(500, 2000), unit="sessions", at_least=1
    )
    sampling: Literal["random", "recent"] = param(
        "random",
        "which candidates: drawn without replacement, or with the latest last timestamp",
        search=Choice("random", "recent"),
    )
    similarity: Literal["cosine", "dot"] = param(
        "cosine", "similarity of prompt and session vectors", search=Choice("cosine", "dot")
    )
    idf_weighting: bool = param(
        False, "multiply an item's score by 1 + ln(N/df)", search=Choice(False, True)
    )
    last_n_items: int | None = param(
        None, "read only the prompt's last items; none: all", unit="items", at_least=1
    )
    exclude_seen: ExcludeSeen = param(
        "read", "prompt items to keep out of the list: none, those read, or the whole prompt"
    )


class Neighbourhood(Recommender):
    """Base of the variants: sessions that share items with the prompt vote for their items.

    An item's score is the sum of the similarities of the neighbours that contain it (Equation 1).
    Of equally similar sessions the more recent are neighbours. Vectors are binary: an item counts
    once a session, and once a prompt, at its first occurrence. Variants override `prompt_vector`,
    `neighbours` or `scores`.
    """

    Config = NeighbourhoodConfig
    config: NeighbourhoodConfig

    def fit(self, train: Sessions, bench: Bench) -> None:
        config, items = self.config, len(bench.catalog)
        rng = bench.rng(f"{self.name}/neighbours")
        self._seed = bench.seed
        self.index = NeighbourIndex(train, items, config.sampling, config.sample_size, rng)
        frequency = np.maximum(self.index.frequency, 1)
        self._idf = 1 + np.log(len(train) / frequency) if config.idf_weighting else np.ones(items)

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        """Return the items that each prompt's neighbours vote for; none vote, no list."""
        lists = Recommendations.empty(len(prompts), k)
        read, ties = self._read(prompts), tie_keys(prompts, self._seed)
        exclude = excluded(prompts, read, self.config.exclude_seen)
        for start, stop in self._batches(read):
            scores = self.scores(read.between(start, stop))
            part = top_k_of(
                np.repeat(np.arange(stop - start), np.diff(scores.indptr)),
                scores.indices,
                scores.data.astype(np.float32),
                k,
                ties[start:stop],
                exclude=exclude.between(start, stop),
            )
            lists.items[start:stop], lists.scores[start:stop] = part.items, part.scores
        return lists

    def prompt_vector(self, read: Sessions) -> Float64:
        """Return the entries of the prompt vectors, ``float64[interactions]``: ones."""
        return np.ones(read.interactions)

    def neighbours(self, read: Sessions) -> Neighbours:
        """Return the `k` most similar of the sampled candidates, with their similarities."""
        vector = self.prompt_vector(read)
        candidates = self.index.candidates(read, vector)
        similarities = self._similarities(read, vector, candidates).astype(np.float32)
        # Positive floats sort like their bits; behind them stands what decides among equals.
        keys = similarities.view(np.uint32).astype(np.uint64) << np.uint64(32)
        keys |= self.index.recency[candidates.sessions].astype(np.uint64)
        candidates = replace(candidates, similarities=similarities.astype(np.float64))
        return take_best(candidates, keys, self.config.k)

    def scores(self, read: Sessions) -> csr_array[np.float64]:
        """Return the scores of the neighbours' items, ``[prompts, items]`` (Equation 1)."""
        from scipy.sparse import csr_array

        neighbours = self.neighbours(read)
        # Of 24 bits each, so that a sum in 53 bits does not depend on the neighbours' order.
        votes = neighbours.similarities.astype(np.float32).astype(np.float64)
        shape = (len(read), self.index.sessions.shape[0])
        scores = csr_array((votes, neighbours.sessions, neighbours.offsets), shape=shape)
        scores = scores @ self.index.sessions
        scores.data *= self._idf[scores.indices]
        return scores

    def _read(self, prompts: Sessions) -> Sessions:
        read = prompts.last(self.config.last_n_items)
        keys = read.owners * len(self._idf) + read.items
        first = np.zeros(read.interactions, dtype=bool)
        first[np.unique(keys, return_index=True)[1]] = True
        return read.where(first & (self.index.frequency[read.items] > 0))

    def _batches(self, read: Sessions) -> Iterator[tuple[int, int]]:
        """Yield ranges of prompts that each take about the same work and memory."""
        votes = self.config.k * int(self.index.lengths.mean())
        work = np.cumsum(self.index.reads(read) + len(self._idf) + votes)
        start = 0
        while start < len(read):
            done = work[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(work, done + _BATCH, side="right")))
            yield start, stop
            start = stop

    def _similarities(self, read: Sessions, vector: Float64, candidates: Neighbours) -> Float64:
        if self.config.similarity == "dot":
            return candidates.similarities
        norms = np.sqrt(np.bincount(read.owners, vector**2, minlength=len(read)))
        lengths = norms[candidates.owners] * np.sqrt(self.index.lengths[candidates.sessions])
        return np.asarray(candidates.similarities / lengths)


def latest_shared(index: NeighbourIndex, read: Sessions, neighbours: Neighbours) -> Int64:
    """Return the place in the prompt, from 1, of the latest item that each neighbour shares.

    Returns:
        ``int64[neighbours]``.
    """
    if not len(neighbours.sessions):
        return np.zeros(0, dtype=np.int64)
    places = np.zeros((len(read), index.sessions.shape[1]), dtype=np.int32)
    places[read.owners, read.items] = read.positions + 1
    sizes = index.lengths[neighbours.sessions]
    firsts = index.sessions.indptr[neighbours.sessions].astype(np.int64)
    items = index.sessions.indices[spans(firsts, sizes)]
    shared = places[np.repeat(neighbours.owners, sizes), items]
    return np.maximum.reduceat(shared, np.cumsum(sizes) - sizes).astype(np.int64)
