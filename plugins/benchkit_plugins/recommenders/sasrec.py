"""SASRec: a causal transformer predicts the item behind every position.

W.-C. Kang, J. McAuley: Self-Attentive Sequential Recommendation. ICDM 2018. Head and training as in
paper 5.1; the network reads in `neural/networks/sasrec.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.neural.config import (
    TransformerConfig,
    paper_presets,
)
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
        {
            "beauty": {
                "learning_rate": 0.0048,
                "weight_decay": 0.0962,
                "batch_size": 32,
                "dim": 48,
                "dropout": 0.25,
                "layers": 2,
                "heads": 3,
            },
            "delivery-hero": {
                "learning_rate": 0.0011,
                "weight_decay": 0.042,
                "batch_size": 448,
                "dim": 416,
                "dropout": 0.15,
                "layers": 1,
                "heads": 1,
            },
            "steam": {
                "learning_rate": 0.0003,
                "weight_decay": 0.0191,
                "batch_size": 192,
                "dim": 208,
                "dropout": 0.15,
                "layers": 4,
                "heads": 3,
            },
        }
    )

    def network(self, items: int, dim: int) -> Network:
        """Return the untrained network."""
        from benchkit_plugins.recommenders.neural.networks.sasrec import SASRecNetwork

        return SASRecNetwork(items, self.config, dim)


LLM2SASRec, BERT2SASRec = text_initialised(
    SASRec,
    paper_presets(
        {
            "beauty": {
                "reducer": "pca",
                "clipnorm": 43,
                "learning_rate": 0.0001,
                "weight_decay": 0.086,
                "batch_size": 416,
                "dim": 448,
                "dropout": 0,
                "layers": 1,
                "heads": 1,
            },
            "delivery-hero": {
                "reducer": "pca",
                "clipnorm": 39,
                "learning_rate": 0.0002,
                "weight_decay": 0.0668,
                "batch_size": 480,
                "dim": 288,
                "dropout": 0.15,
                "layers": 1,
                "heads": 3,
            },
            "steam": {
                "reducer": "pca",
                "clipnorm": 30,
                "learning_rate": 0.0004,
                "weight_decay": 0.0458,
                "batch_size": 512,
                "dim": 400,
                "dropout": 0.1,
                "layers": 3,
                "heads": 4,
            },
        }
    ),
)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    """Provide SASRec, alone and with item embeddings from language models."""
    return [SASRec, LLM2SASRec, BERT2SASRec]
