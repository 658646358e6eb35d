"""Dropout that does not wait for random numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

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
