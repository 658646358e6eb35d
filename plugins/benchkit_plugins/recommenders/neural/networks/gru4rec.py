"""GRU4Rec's network: one recurrent layer over whole sessions.

B. Hidasi et al.: Session-based Recommendations with Recurrent Neural Networks. ICLR 2016; head and
full softmax as in paper 5.1.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from benchkit_plugins.recommenders.neural.network import Dropout, Network
from benchkit_plugins.recommenders.neural.packing import Packed


class GRU4RecNetwork(Network):
    """Item embeddings, dropout, a GRU, dropout."""

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
        """Return hidden states where it predicts, ``[predictions, hidden]``."""
        x = self.dropout(self.embed(packed.items))  # [positions, dim]
        # Padding stands behind each session: no real position comes after it.
        h, _ = self.gru(packed.pad(x))  # [sessions, width, hidden]
        result: Tensor = self.dropout(packed.unpad(h, packed.asked))  # [predictions, hidden]
        return result
