"""GRU4Rec: a recurrent network predicts the item behind every position.

B. Hidasi et al.: Session-based Recommendations with Recurrent Neural Networks. ICLR 2016. Head and
training as in paper 5.1; the network reads in `neural/networks/gru4rec.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from benchkit import Int, Recommender, hookimpl, param
from benchkit_plugins.recommenders.neural.config import (
    NeuralConfig,
    paper_presets,
)
from benchkit_plugins.recommenders.neural.recommender import NeuralRecommender
from benchkit_plugins.recommenders.neural.text_initialised import text_initialised

if TYPE_CHECKING:
    from benchkit_plugins.recommenders.neural.network import Network


@dataclass(frozen=True, kw_only=True)
class GRU4RecConfig(NeuralConfig):
    """The shared parameters and the size of the recurrent state."""

    hidden: int = param(128, "size of the GRU's state", search=Int(16, 512, step=16), at_least=1)


class GRU4Rec(NeuralRecommender):
    """A recurrent network, trained to predict the next item at every position.

    Whole sessions make a batch, as in the paper, not session-parallel mini-batches.
    """

    name = "gru4rec"
    source = "paper 5.1"
    Config = GRU4RecConfig
    config: GRU4RecConfig
    presets: ClassVar = paper_presets(
        {
            "beauty": {
                "learning_rate": 0.0072,
                "weight_decay": 0.0893,
                "batch_size": 32,
                "dim": 80,
                "hidden": 32,
            },
            "delivery-hero": {
                "learning_rate": 0.0026,
                "weight_decay": 0.0881,
                "batch_size": 160,
                "dim": 512,
                "hidden": 352,
            },
            "steam": {
                "clipnorm": 34,
                "learning_rate": 0.0008,
                "weight_decay": 0.0126,
                "batch_size": 512,
                "dim": 464,
                "hidden": 416,
            },
        }
    )

    def network(self, items: int, dim: int) -> Network:
        """Return the untrained network."""
        from benchkit_plugins.recommenders.neural.networks.gru4rec import GRU4RecNetwork

        return GRU4RecNetwork(items, dim, self.config.hidden, self.config.dropout)


LLM2GRU4Rec, BERT2GRU4Rec = text_initialised(
    GRU4Rec,
    paper_presets(
        {
            "beauty": {
                "reducer": "random-projection",
                "learning_rate": 0.0013,
                "weight_decay": 0.0572,
                "batch_size": 96,
                "dim": 192,
                "hidden": 496,
            },
            "delivery-hero": {
                "reducer": "random-projection",
                "clipnorm": 13,
                "learning_rate": 0.0017,
                "weight_decay": 0.0264,
                "batch_size": 96,
                "dim": 288,
                "hidden": 176,
            },
            "steam": {
                "reducer": "random-projection",
                "learning_rate": 0.0008,
                "weight_decay": 0.0742,
                "batch_size": 160,
                "dim": 448,
                "hidden": 400,
            },
        }
    ),
)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    """Provide GRU4Rec, alone and with item embeddings from language models."""
    return [GRU4Rec, LLM2GRU4Rec, BERT2GRU4Rec]
