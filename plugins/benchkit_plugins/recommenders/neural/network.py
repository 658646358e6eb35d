"""Parts of all networks: the item table, the head that scores it (paper 5.1), layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from benchkit_plugins.hardware import aligned
from benchkit_plugins.recommenders.neural.packing import Packed


class Network(nn.Module):
    """Reads packed sessions and scores items with the table that also embeds them.

    The head is a dense layer to the embedding size, an activation, and the product with the item
    table plus one bias an item. (The authors' code has one scalar bias for all items.)

    Initial embeddings are uniform within 0.05 of zero, as in that code. Where hidden states are as
    wide as embeddings, the dense layer starts as the identity, not at random as there: a network
    compares what it has read with the items from the first step on.
    """

    def __init__(
        self, items: int, dim: int, width: int, activation: Callable[[Tensor], Tensor]
    ) -> None:
        """Make table and head; `width` is the size of the hidden states that `forward` returns."""
        super().__init__()
        self.items = items
        self.table = nn.Parameter(torch.empty(items, dim).uniform_(-0.05, 0.05))
        self.bias = nn.Parameter(torch.zeros(items))
        self.head = Dense(width, dim)
        if width == dim:
            nn.init.eye_(self.head.weight)
        self.activation = activation

    @abstractmethod
    def forward(self, packed: Packed) -> Tensor:
        """Return hidden states where the network predicts, ``[predictions, width]``."""

    def queries(self, packed: Packed) -> Tensor:
        """Return the factors of the item table, ``[predictions, dim]``."""
        return self.activation(self.head(self(packed)))  # [predictions, dim]

    def embed(self, items: Tensor) -> Tensor:
        """Return the items' embeddings, ``[positions, dim]``."""
        return F.embedding(items, self.table)

    def embed_masked(self, items: Tensor, mask: Tensor) -> Tensor:
        """Return `embed` of items, `mask` where the number of items stands for one."""
        x = self.embed(items.clamp(max=self.items - 1))  # [positions, dim]
        return torch.where((items == self.items)[:, None], mask, x)


class Dense(nn.Linear):
    """A dense layer with Glorot's uniform initial weights and zero biases.

    Args:
        inputs: size of a row.
        outputs: size of what a row becomes.
        parts: that many layers side by side, as one product; each starts as its own would.
    """

    def __init__(self, inputs: int, outputs: int, parts: int = 1) -> None:
        super().__init__(inputs, outputs)
        for part in self.weight.data.chunk(parts):
            nn.init.xavier_uniform_(part)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[rows, outputs]`` of ``[rows, inputs]``."""
        rows = len(x)
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        # Batches have as many rows as real positions, so nearly each would be a shape of its own.
        return super().forward(F.pad(x, (0, 0, 0, aligned(rows) - rows)))[:rows]


_STEPS = 1 << 16


class Dropout(nn.Module):
    """Drops activations with a probability, in training alone; what stays is scaled up.

    On a CPU torch draws a number for each activation, one after the other: a twentieth of an epoch.
    Here four come from one draw, so the probability there is a multiple of 1/65,536.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor like `x`."""
        if not self.training or x.device.type != "cpu":
            return F.dropout(x, self.share, self.training)
        dropped = round(self.share * _STEPS)
        if not dropped:
            return x
        bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)
        drawn = bits.view(torch.int16)[: x.numel()].view(x.shape)  # from -2^15 on
        stays = (drawn >= dropped - _STEPS // 2).to(x.dtype)
        return x * stays.mul_(_STEPS / (_STEPS - dropped))
