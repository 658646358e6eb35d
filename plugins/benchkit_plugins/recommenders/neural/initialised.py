"""LLM2X and BERT2X: a network whose item table starts from text embeddings (paper 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchkit import Bench
from benchkit_plugins.recommenders.neural.config import InitialisedConfig
from benchkit_plugins.recommenders.neural.recommender import NeuralRecommender

if TYPE_CHECKING:
    from benchkit.contracts.arrays import Float32
    from benchkit_plugins.recommenders.neural.network import Network


class Initialised(NeuralRecommender):
    """Mix in before a neural recommender: reduced embeddings of the catalog start its item table.

    Embeddings are not scaled to length 1, and go on learning. An embedder or reducer that gives
    fewer dimensions than `dim` makes the network smaller.
    """

    Config = InitialisedConfig
    config: InitialisedConfig

    def initial_embeddings(self, bench: Bench) -> Float32:
        """Return the reduced embeddings of the whole catalog, ``float32[catalog, dim]``."""
        config = self.config
        vectors = bench.embeddings(
            config.embedder, config.reducer, None if config.reducer is None else config.dim
        )
        if config.scale is None:
            return vectors
        size = np.sqrt(np.mean(np.square(vectors, dtype=np.float64)))
        scaled: Float32 = (vectors * (config.scale / max(size, 1e-12))).astype(np.float32)
        return scaled

    def initialise(self, network: Network, rows: Float32) -> None:
        """Put the embeddings into the table, for good where they are frozen."""
        super().initialise(network, rows)
        network.table.requires_grad_(not self.config.freeze)
