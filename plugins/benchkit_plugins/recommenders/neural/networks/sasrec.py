"""SASRec's network: causal self-attention, norms first.

W.-C. Kang, J. McAuley: Self-Attentive Sequential Recommendation. ICDM 2018; head as in paper 5.1.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from benchkit_plugins.recommenders.neural.config import TransformerConfig
from benchkit_plugins.recommenders.neural.network import Dropout, Network
from benchkit_plugins.recommenders.neural.packing import Packed
from benchkit_plugins.recommenders.neural.transformer import Layer, positions, through


class SASRecNetwork(Network):
    """Item and position embeddings, dropout, causal transformer layers; FFN of size d, ReLU."""

    def __init__(self, items: int, config: TransformerConfig, dim: int) -> None:
        super().__init__(items, dim, dim, F.relu)
        self.positions = positions(config.last_n_items, dim)
        self.dropout = Dropout(config.dropout)
        self.layers = nn.ModuleList(
            Layer(dim, config.heads, dim, config.dropout, F.relu, causal=True, norm_first=True)
            for _ in range(config.layers)
        )

    def forward(self, packed: Packed) -> Tensor:
        """Return hidden states where it predicts, ``[predictions, dim]``."""
        return self.encode(self.embed(packed.items), packed, packed.asked)

    def encode(self, x: Tensor, packed: Packed, at: Tensor | None = None) -> Tensor:
        """Return hidden states of embeddings, ``[positions, dim]``, or only the positions `at`."""
        x = x + F.embedding(packed.distances, self.positions)  # [positions, dim]
        x = self.dropout(x)
        return through(self.layers, x, packed, at)
