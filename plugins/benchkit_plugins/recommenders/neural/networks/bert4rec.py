"""BERT4Rec's network: bidirectional self-attention over masked sessions, norms behind.

F. Sun et al.: BERT4Rec: Sequential Recommendation with Bidirectional Encoder Representations from
Transformer. CIKM 2019; head as in paper 5.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from benchkit_plugins.recommenders.neural.config import TransformerConfig
from benchkit_plugins.recommenders.neural.network import Network
from benchkit_plugins.recommenders.neural.packing import Packed
from benchkit_plugins.recommenders.neural.transformer import Layer, positions, through


class BERT4RecNetwork(Network):
    """Item, mask and position embeddings and transformer layers; FFN of size 4d, GELU."""

    def __init__(self, items: int, config: TransformerConfig, dim: int) -> None:
        super().__init__(items, dim, dim, F.gelu)
        self.mask = nn.Parameter(torch.empty(dim).uniform_(-0.05, 0.05))
        self.positions = positions(config.last_n_items + 1, dim)
        self.layers = nn.ModuleList(
            Layer(
                dim, config.heads, 4 * dim, config.dropout, F.gelu, causal=False, norm_first=False
            )
            for _ in range(config.layers)
        )

    def forward(self, packed: Packed) -> Tensor:
        """Return hidden states where it predicts, ``[predictions, dim]``."""
        masked = packed.items == self.items  # [positions]
        x = self.embed(packed.items.clamp(max=self.items - 1))  # [positions, dim]
        x = torch.where(masked[:, None], self.mask, x)
        x = x + F.embedding(packed.distances, self.positions)  # [positions, dim]
        return through(self.layers, x, packed, packed.asked)
