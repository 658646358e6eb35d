"""SASRec: a causal transformer predicts the item behind every position.

W.-C. Kang, J. McAuley: Self-Attentive Sequential Recommendation. ICDM 2018. Head and training as in
paper 5.1; the network reads in `neural/networks.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.neural.config import TransformerConfig, paper_presets
from benchkit_plugins.recommenders.neural.recommender import NeuralRecommender
from benchkit_plugins.recommenders.neural.text_initialised import text_initialised

if TYPE_CHECKING:
    from benchkit_plugins.recommenders.neural.network import Network


class SASRec(NeuralRecommender):
    """A causal transformer, trained to predict the next item at every position.

    Where a session is shorter than `last_n_items`, positions count from its end, as with padding in
    front. Unlike the authors' code, padding is masked, each item has its own bias, and queries,
    keys and values start differently.
    """

    name = "sasrec"
    source = "paper 5.1"
    Config = TransformerConfig
    config: TransformerConfig
    presets: ClassVar = paper_presets(
        "learning_rate weight_decay batch_size dim dropout layers heads",
        {
            "beauty": (0.0048, 0.0962, 32, 48, 0.25, 2, 3),
            "delivery-hero": (0.0011, 0.042, 448, 416, 0.15, 1, 1),
            "steam": (0.0003, 0.0191, 192, 208, 0.15, 4, 3),
        },
    )

    def network(self, items: int, dim: int) -> Network:
        from benchkit_plugins.recommenders.neural.networks import SASRecNetwork

        return SASRecNetwork(items, self.config, dim)


LLM2SASRec, BERT2SASRec = text_initialised(
    SASRec,
    paper_presets(
        "reducer clipnorm learning_rate weight_decay batch_size dim dropout layers heads",
        {
            "beauty": ("pca", 43, 0.0001, 0.086, 416, 448, 0, 1, 1),
            "delivery-hero": ("pca", 39, 0.0002, 0.0668, 480, 288, 0.15, 1, 3),
            "steam": ("pca", 30, 0.0004, 0.0458, 512, 400, 0.1, 3, 4),
        },
    ),
)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [SASRec, LLM2SASRec, BERT2SASRec]
