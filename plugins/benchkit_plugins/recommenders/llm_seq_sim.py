"""LLMSeqSim: items whose embeddings are closest to the session's (paper 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from benchkit import Choice, ExcludeSeen, Recommendations, Recommender, hookimpl, param
from benchkit.contracts.arrays import Float32
from benchkit.toolkit.ranking import excluded, tie_keys
from benchkit_plugins.recommenders.similarity.pooling import EmbeddedConfig, Pooling, pool
from benchkit_plugins.recommenders.similarity.search import SimilarItems, Similarity

if TYPE_CHECKING:
    from benchkit import Bench, Sessions


@dataclass(frozen=True, kw_only=True)
class LLMSeqSimConfig(EmbeddedConfig):
    """Parameters of LLMSeqSim; ranges of the paper's online material."""

    pooling: Pooling = param(
        "harmonic",
        "how the items of the session weigh (Table 1)",
        search=Choice(
            "mean",
            "last",
            "constant-linear",
            "scaling-linear",
            "scaling-quadratic",
            "log",
            "harmonic",
            "squared-harmonic",
        ),
    )
    similarity: Similarity = param(
        "cosine", "similarity of session and item; all rank alike, for items are scaled to length 1"
    )
    last_n_items: int | None = param(
        None, "read only the prompt's last items; none: all", unit="items", at_least=1
    )
    exclude_seen: ExcludeSeen = param(
        "prompt", "prompt items to keep out of the list: none, those read, or the whole prompt"
    )


class LLMSeqSim(Recommender):
    """Items whose text embeddings are closest to the weighted average of the prompt's.

    Nothing is learnt from sessions. Candidates are all items of the
    catalog that have a text; a prompt without such an item gets an empty list. Embeddings are
    reduced, then scaled to length 1.

    The paper's best values come with the offline embedder, not with the paper's own: a paid one is
    used only when it is named. They ask for 512 dimensions; where an embedder has fewer, PCA gives
    as many as there are.
    """

    name = "llm-seq-sim"
    source = "paper 3"
    Config = LLMSeqSimConfig
    config: LLMSeqSimConfig
    presets: ClassVar = {
        "beauty": {"reducer": "pca", "dim": 512, "pooling": "harmonic", "similarity": "cosine"},
        "delivery-hero": {"reducer": "pca", "dim": 512, "pooling": "mean", "similarity": "dot"},
        "steam": {"reducer": "pca", "dim": 512, "pooling": "constant-linear", "similarity": "dot"},
    }

    def fit(self, train: Sessions, bench: Bench) -> None:  # noqa: ARG002
        config = self.config
        vectors = bench.embeddings(config.embedder, config.reducer, config.dim)
        self.items, self._seed = SimilarItems(vectors), bench.seed

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = Recommendations.empty(len(prompts), k)
        read = prompts.last(self.config.last_n_items)
        exclude = excluded(prompts, read, self.config.exclude_seen)
        ties = tie_keys(prompts, self._seed)
        for start in range(0, len(prompts), self.items.batch):
            stop = min(start + self.items.batch, len(prompts))
            part = self.items.best(
                self._embed(read.between(start, stop)),
                k,
                ties[start:stop],
                exclude.between(start, stop),
                self.config.similarity,
            )
            lists.items[start:stop], lists.scores[start:stop] = part.items, part.scores
        return lists

    def _embed(self, read: Sessions) -> Float32:
        return pool(read, self.items.vectors, self.items.present, self.config.pooling)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [LLMSeqSim]
