"""LLMSeqPromptClass: a language model is asked for the categories of the next item (paper 4.3)."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from benchkit import Recommender, hookimpl
from benchkit.contracts.arrays import Float32, Int32, Int64
from benchkit.contracts.sessions import Sessions
from benchkit_plugins.recommenders.prompted.config import DeterministicConfig
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt
from benchkit_plugins.recommenders.prompted.task import COUNT, Task

_CLUSTERS = 200


class Class(Task):
    """20 categories a completion; each stands for its most popular item, whose title is its name.

    Categories are 200 clusters of the items' embeddings (fewer where there are fewer items; under
    the strict protocol, of trained items alone). All are listed, as in the authors' prompts; they
    come first, so that what asks many prompts at once, or caches what prompts begin with, reads
    them once. It learns to name the 20 whose centres are nearest to the truth's embedding. A
    cluster none of whose items has both a title and been trained on has no name, and is no
    category. An answer that names no category takes the one whose item is nearest to it.
    """

    name = "class"
    samples = 1
    max_tokens = 768
    optional = ("count", "categories")

    @cached_property
    def _categories(self) -> tuple[Int32, Float32]:
        """Return the categories' items, ``int32[n]``, and centres, ``float32[n, dim]``."""
        vectors = self.matching.vectors
        counts = np.bincount(self.train.items, minlength=len(vectors))
        clustered = np.any(vectors != 0, axis=1)
        if self.bench.only_trained:
            clustered &= counts > 0
        embedded = np.flatnonzero(clustered)
        labels, centres = k_means(vectors[embedded], _CLUSTERS, self.bench.seed)
        named = (counts > 0) & self.titles.present
        # the most popular first, so that of each cluster the first is its item
        order = np.argsort(-counts[embedded], kind="stable")
        order = order[named[embedded[order]]]
        clusters, first = np.unique(labels[order], return_index=True)
        return embedded[order[first]].astype(np.int32), centres[clusters]

    def _completions(self, prompts: Sessions, truth: Int32) -> list[str]:  # noqa: ARG002
        items, centres = self._categories
        vectors = self.matching.vectors[truth]
        distances = (centres**2).sum(axis=1) - 2 * vectors @ centres.T
        nearest = items[np.argsort(distances, axis=1, kind="stable")[:, :COUNT]]
        embedded = np.any(vectors != 0, axis=1)
        return [
            self.titles.lines(row) if k else "" for row, k in zip(nearest, embedded, strict=True)
        ]

    def _offers(self, prompts: Sessions, truth: Int32 | None = None) -> Int32:  # noqa: ARG002
        return self._categories[0]

    def _values(self, offers: Int32 | None, row: int) -> dict[str, str] | None:  # noqa: ARG002
        assert offers is not None
        return {"count": str(COUNT), "categories": self.titles.lines(offers)}


def k_means(vectors: Float32, count: int, seed: int) -> tuple[Int64, Float32]:
    """Return each row's cluster, ``int64[rows]``, and the clusters' centres.

    Args:
        vectors: ``float32[rows, dim]``.
        count: clusters; fewer where there are fewer different rows.
        seed: of the first centres.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    count = min(count, len(np.unique(vectors, axis=0)))
    if not count:
        return np.zeros(0, dtype=np.int64), vectors
    with threadpool_limits(1, "openmp"):  # several threads add in the order in which they finish
        clustering = KMeans(count, n_init=1, random_state=seed % 2**32).fit(vectors)
    return clustering.labels_.astype(np.int64), clustering.cluster_centers_.astype(np.float32)


class LLMSeqPromptClass(LLMSeqPrompt):
    """A language model is asked for the categories of the next item.

    One completion a prompt: twenty categories, best first; each stands for its most popular item.
    """

    name = "llm-seq-prompt-class"
    source = "paper 4.3"
    Config = DeterministicConfig
    task = Class.name
    task_type = Class


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [LLMSeqPromptClass]
