"""The networks themselves; they import torch, so recommenders import them late.

Sources stand with the recommenders; heads are the paper's (5.1).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from benchkit_plugins.recommenders.neural.config import TransformerConfig
from benchkit_plugins.recommenders.neural.network import Dropout, Network
from benchkit_plugins.recommenders.neural.packing import Packed
from benchkit_plugins.recommenders.neural.transformer import Attention, Layer, positions, through


class GRU4RecNetwork(Network):
    """One recurrent layer over whole sessions: item embeddings, dropout, a GRU, dropout."""

    def __init__(self, items: int, dim: int, hidden: int, dropout: float) -> None:
        super().__init__(items, dim, hidden, F.relu)
        self.dropout = Dropout(dropout)
        self.gru = nn.GRU(dim, hidden, batch_first=True)
        inputs, states, *biases = self.gru.parameters()
        for gate in inputs.data.chunk(3):
            nn.init.xavier_uniform_(gate)
        nn.init.orthogonal_(states)
        for bias in biases:
            nn.init.zeros_(bias)

    def forward(self, packed: Packed) -> Tensor:
        x = self.dropout(self.embed(packed.items))  # [positions, dim]
        # Padding stands behind each session: no real position comes after it.
        h, _ = self.gru(packed.pad(x))  # [sessions, width, hidden]
        result: Tensor = self.dropout(packed.unpad(h, packed.predicting))  # [predictions, hidden]
        return result


class SASRecNetwork(Network):
    """Causal self-attention, norms first.

    Item and position embeddings, dropout, transformer layers; FFN of size d, ReLU.
    """

    def __init__(self, items: int, config: TransformerConfig, dim: int) -> None:
        super().__init__(items, dim, dim, F.relu)
        self.positions = positions(config.last_n_items, dim)
        self.dropout = Dropout(config.dropout)
        self.layers = nn.ModuleList(
            Layer(dim, config.heads, dim, config.dropout, F.relu, causal=True, norm_first=True)
            for _ in range(config.layers)
        )

    def forward(self, packed: Packed) -> Tensor:
        return self.encode(self.embed(packed.items), packed, packed.predicting)

    def encode(self, x: Tensor, packed: Packed, at: Tensor | None = None) -> Tensor:
        """Return hidden states of embeddings, ``[positions, dim]``, or only the positions `at`."""
        x = x + F.embedding(packed.distances, self.positions)  # [positions, dim]
        x = self.dropout(x)
        return through(self.layers, x, packed, at)


class S3RecNetwork(SASRecNetwork):
    """SASRec's network, which during pre-training reads masked sessions in both directions.

    What else pre-training needs lives in `objectives.py`.
    """

    def read_masked(self, packed: Packed, mask: Tensor) -> Tensor:
        """Return hidden states of masked sessions, ``[positions, dim]``; every item sees every.

        Args:
            packed: sessions; the number of items stands for the mask.
            mask: embedding of the mask, ``[dim]``.
        """
        attentions = [part for part in self.modules() if isinstance(part, Attention)]
        for attention in attentions:
            attention.causal = False
        try:
            return self.encode(self.embed_masked(packed.items, mask), packed)
        finally:
            for attention in attentions:
                attention.causal = True


class BERT4RecNetwork(Network):
    """Bidirectional self-attention over masked sessions, norms behind.

    Item, mask and position embeddings, transformer layers; FFN of size 4d, GELU.
    """

    def __init__(self, items: int, config: TransformerConfig, dim: int) -> None:
        super().__init__(items, dim, dim, F.gelu)
        self.mask = nn.Parameter(torch.empty(dim).uniform_(-0.05, 0.05))
        self.positions = positions(config.last_n_items + 1, dim)
        inner, dropout = 4 * dim, config.dropout
        self.layers = nn.ModuleList(
            Layer(dim, config.heads, inner, dropout, F.gelu, causal=False, norm_first=False)
            for _ in range(config.layers)
        )

    def forward(self, packed: Packed) -> Tensor:
        x = self.embed_masked(packed.items, self.mask)  # [positions, dim]
        x = x + F.embedding(packed.distances, self.positions)  # [positions, dim]
        return through(self.layers, x, packed, packed.predicting)
