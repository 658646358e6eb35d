"""GRU4Rec: a recurrent network predicts the item behind every position.

B. Hidasi et al.: Session-based Recommendations with Recurrent Neural Networks. ICLR 2016. Head and
training as in paper 5.1; the network reads in `neural/networks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from benchkit import Int, Recommender, hookimpl, param
from benchkit_plugins.recommenders.neural.config import NeuralConfig, paper_presets
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
        "clipnorm learning_rate weight_decay batch_size dim hidden",
        {
            "beauty": (None, 0.0072, 0.0893, 32, 80, 32),
            "delivery-hero": (None, 0.0026, 0.0881, 160, 512, 352),
            "steam": (34, 0.0008, 0.0126, 512, 464, 416),
        },
    )

    def network(self, items: int, dim: int) -> Network:
        from benchkit_plugins.recommenders.neural.networks import GRU4RecNetwork

        return GRU4RecNetwork(items, dim, self.config.hidden, self.config.dropout)


LLM2GRU4Rec, BERT2GRU4Rec = text_initialised(
    GRU4Rec,
    paper_presets(
        "reducer clipnorm learning_rate weight_decay batch_size dim hidden",
        {
            "beauty": ("random-projection", None, 0.0013, 0.0572, 96, 192, 496),
            "delivery-hero": ("random-projection", 13, 0.0017, 0.0264, 96, 288, 176),
            "steam": ("random-projection", None, 0.0008, 0.0742, 160, 448, 400),
        },
    ),
)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [GRU4Rec, LLM2GRU4Rec, BERT2GRU4Rec]
