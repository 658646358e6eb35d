"""BERT4Rec: a bidirectional transformer predicts masked items.

F. Sun et al.: BERT4Rec: Sequential Recommendation with Bidirectional Encoder Representations from
Transformer. CIKM 2019. Head and training as in paper 5.1; the network reads in
`neural/networks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from benchkit import Float, Recommender, hookimpl, param
from benchkit_plugins.recommenders.neural.config import TransformerConfig, paper_presets
from benchkit_plugins.recommenders.neural.examples import Cloze
from benchkit_plugins.recommenders.neural.recommender import NeuralRecommender
from benchkit_plugins.recommenders.neural.text_initialised import text_initialised

if TYPE_CHECKING:
    from benchkit_plugins.recommenders.neural.network import Network


@dataclass(frozen=True, kw_only=True)
class BERT4RecConfig(TransformerConfig):
    """The size of the transformer and how much is masked."""

    mask_prob: float = param(
        0.4,
        "probability that an item is masked, in ten of a session's eleven cases",
        search=Float(0.05, 0.9, step=0.05),
        at_least=0,
        at_most=1,
    )
    fill: bool = param(
        True, "put masks in front of short sessions and prompts, up to `last_n_items` and one"
    )


class BERT4Rec(NeuralRecommender):
    """A bidirectional transformer, trained to predict masked items.

    Eleven cases a session and epoch; a mask stands behind a prompt's last item. As in the authors'
    code, masks stand in front of short sessions, too: so a network that has learnt from sessions
    with most items masked sees about as many masks in a prompt (`fill`; without it, validation is
    worse). Unlike in it, each item has its own bias, and queries, keys and values start
    differently; the mask stands behind the last `last_n_items` items, not in the place of one.
    """

    name = "bert4rec"
    source = "paper 5.1"
    Config = BERT4RecConfig
    config: BERT4RecConfig
    presets: ClassVar = paper_presets(
        "clipnorm learning_rate weight_decay batch_size dim dropout layers heads mask_prob",
        {
            "beauty": (92, 0.0023, 0.0409, 256, 192, 0.4, 1, 2, 0.9),
            "delivery-hero": (57, 0.0002, 0.0618, 160, 224, 0.45, 4, 4, 0.45),
            # the paper prints the same as for delivery-hero
            "steam": (57, 0.0002, 0.0618, 160, 224, 0.45, 4, 4, 0.45),
        },
        epochs=3,  # of eleven cases a session
    )

    def network(self, items: int, dim: int) -> Network:
        from benchkit_plugins.recommenders.neural.networks import BERT4RecNetwork

        return BERT4RecNetwork(items, self.config, dim)

    def examples(self, items: int) -> Cloze:
        config = self.config
        return Cloze(items, config.last_n_items, config.mask_prob, fill=config.fill)


LLM2BERT4Rec, BERT2BERT4Rec = text_initialised(
    BERT4Rec,
    paper_presets(
        "reducer clipnorm learning_rate weight_decay batch_size dim dropout layers heads mask_prob",
        {
            "beauty": ("lda", 5, 0.0012, 0.0235, 224, 448, 0.45, 2, 1, 0.65),
            "delivery-hero": ("pca", 5, 0.0001, 0, 256, 224, 0.1, 4, 4, 0.25),
            "steam": ("pca", None, 0.0002, 0.0301, 352, 496, 0.45, 3, 2, 0.55),
        },
        epochs=3,  # of eleven cases a session
    ),
)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [BERT4Rec, LLM2BERT4Rec, BERT2BERT4Rec]
