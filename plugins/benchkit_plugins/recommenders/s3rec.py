"""S3-Rec: SASRec, pre-trained on what items, attributes, sessions and segments share.

K. Zhou et al.: S3-Rec: Self-Supervised Learning for Sequential Recommendation with Mutual
Information Maximization. CIKM 2020. Epochs and protocol as in paper 7.1.5. What pre-training reads
is in `neural/masking.py`, its objectives in `neural/objectives.py`, the network in
`neural/networks.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from benchkit import Bench, Recommender, Sessions, hookimpl, param
from benchkit_plugins.recommenders.neural.config import SAMPLE, S3RecConfig
from benchkit_plugins.recommenders.neural.recommender import NeuralRecommender

if TYPE_CHECKING:
    from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
    from benchkit_plugins.recommenders.neural.network import Network
    from benchkit_plugins.recommenders.neural.networks import S3RecNetwork


class S3Rec(NeuralRecommender):
    """SASRec, pre-trained on the attributes of items and on masked items and segments.

    The paper prints no best values for it, so the defaults are those of S3-Rec's authors. As in
    their code, every prefix of a session is a case of pre-training, its last item is always
    masked, and losses are sums over items and attributes. Unlike in it, the network, its head and
    its training are SASRec's here (`last_n_items`, full softmax, batches of one size); MIP and SP
    have the paper's loss, not a sigmoid within a sigmoid; AAP reads the item's embedding, as in
    the paper; a segment's foreign one is cut from one other session. Sessions held out for early
    stopping are held out of pre-training too.
    """

    name = "s3rec"
    source = "paper 7.1.5"
    Config = S3RecConfig
    config: S3RecConfig
    presets: ClassVar = {"sample": {**SAMPLE, "dropout": 0.2, "pretrain_epochs": 1}}
    _network: S3RecNetwork

    def network(self, items: int, dim: int) -> Network:
        from benchkit_plugins.recommenders.neural.networks import S3RecNetwork

        return S3RecNetwork(items, self.config, dim)

    def pretrain(self, sessions: Sessions, bench: Bench, checkpoint: Checkpoint) -> float:
        """Pre-train the network on sessions in dense codes; an item's attributes are optional."""
        from benchkit_plugins.recommenders.neural.masking import Attributes
        from benchkit_plugins.recommenders.neural.pretraining import Pretrainer

        attributes = Attributes.of(bench.catalog, self._vocabulary.codes)
        trainer = Pretrainer(self._network, attributes, self.config, bench.rng, bench.report)
        return trainer.train(sessions, checkpoint).seconds

    def _key(self, train: Sessions, bench: Bench) -> str:
        digest = hashlib.sha256(super()._key(train, bench).encode())
        digest.update(bench.catalog.attribute_offsets.data)
        digest.update(bench.catalog.attribute_codes.data)
        return digest.hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class S3RecLeaveOneOutConfig(S3RecConfig):
    """S3-Rec's parameters; each session's last training item decides when to stop."""

    hold_out: Literal["sessions", "last-items"] = param(
        "last-items",
        "what early stopping is measured on: some training sessions, or each one's last item",
    )


class S3RecLeaveOneOut(S3Rec):
    """S3-Rec under its own protocol: a session's last item tests, the one before validates.

    Its figures compare with nobody else's: the others are tested on sessions that come after those
    they learnt from.
    """

    name = "s3rec-leave-one-out"
    Config = S3RecLeaveOneOutConfig
    config: S3RecLeaveOneOutConfig
    protocol = "leave-one-out"


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [S3Rec, S3RecLeaveOneOut]
