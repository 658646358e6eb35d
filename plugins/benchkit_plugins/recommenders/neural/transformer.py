"""One transformer layer over packed sessions, norms before or behind (BERT4Rec, SASRec)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from benchkit_plugins.recommenders.neural.network import Dense, Dropout
from benchkit_plugins.recommenders.neural.packing import Packed

# Positions up to which attention may hold the weights of all pairs: few numbers beside the rest.
_SHORT = 64


class Attention(nn.Module):
    """Multi-head self-attention within each session; padding is never attended to.

    Heads have ``dim // heads`` dimensions, rounded down, so `heads` need not divide `dim`.
    """

    def __init__(self, dim: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.inner = heads * max(1, dim // heads)
        self.qkv = Dense(dim, 3 * self.inner, parts=3)  # of queries, keys and values
        self.out = Dense(self.inner, dim)

    def forward(self, x: Tensor, packed: Packed, at: Tensor | None = None) -> Tensor:
        """Return ``[positions, dim]`` of ``[positions, dim]``, or only the positions `at`."""
        sessions, width = len(packed.lengths), packed.width
        qkv = packed.pad(self.qkv(x))  # [sessions, width, 3 inner]
        qkv = qkv.view(sessions, width, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [sessions, heads, width, inner / heads] each
        # Padding stands behind each session, where a causal mask hides it already.
        mask = None if self.causal else packed.real[:, None, None, :]
        mixed = attend(q, k, v, mask)
        mixed = mixed.transpose(1, 2).reshape(sessions, width, self.inner)
        result: Tensor = self.out(packed.unpad(mixed, at))
        return result


def attend(q: Tensor, k: Tensor, v: Tensor, real: Tensor | None) -> Tensor:
    """Return softmax(q kᵀ / √dim) v, ``[sessions, heads, width, dim]``.

    Args:
        q: queries, ``[sessions, heads, width, dim]``; `k` and `v` alike.
        real: positions to attend to, ``bool[sessions, 1, 1, width]``; None: each position to
            those up to itself.
    """
    width, dim = q.shape[2:]
    if q.device.type != "cpu" or q.dtype != torch.bfloat16 or width > _SHORT:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=real, is_causal=real is None)
    # The same, several times as fast: torch's own is slow in bfloat16 on a CPU.
    if real is None:
        real = torch.ones(width, width, dtype=torch.bool).tril()
    scores = (q * dim**-0.5) @ k.transpose(2, 3)  # [sessions, heads, width, width]
    mixed: Tensor = scores.masked_fill(~real, float("-inf")).softmax(dim=3) @ v
    return mixed


class Layer(nn.Module):
    """Attention and a feed-forward network, each with dropout, a residual and a norm.

    Dropout falls on the outputs of both, not on attention weights. Both start by giving nothing,
    so that at first a position holds its item's embedding and nothing random beside it: what the
    embeddings of a language model know is not drowned.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        inner: int,
        dropout: float,
        activation: Callable[[Tensor], Tensor],
        *,
        causal: bool,
        norm_first: bool,
    ) -> None:
        super().__init__()
        self.attention = Attention(dim, heads, causal)
        self.up, self.down = Dense(dim, inner), Dense(inner, dim)
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])
        self.dropout = Dropout(dropout)
        self.activation, self.norm_first = activation, norm_first
        nn.init.zeros_(self.attention.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor, packed: Packed, at: Tensor | None = None) -> Tensor:
        """Return ``[positions, dim]`` of ``[positions, dim]``, or only the positions `at`."""
        x = self._residual(0, x, partial(self.attention, packed=packed, at=at), at)
        return self._residual(1, x, self._feed_forward)

    def _residual(
        self, place: int, x: Tensor, inner: Callable[[Tensor], Tensor], at: Tensor | None = None
    ) -> Tensor:
        norm = self.norms[place]
        kept = x if at is None else x.index_select(0, at)
        result: Tensor
        if self.norm_first:
            result = kept + self.dropout(inner(norm(x)))
        else:
            result = norm(kept + self.dropout(inner(x)))
        return result

    def _feed_forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.down(self.activation(self.up(x)))
        return result


def through(layers: nn.ModuleList, x: Tensor, packed: Packed, at: Tensor | None) -> Tensor:
    """Apply layers to ``[positions, dim]``; the last one only for the positions `at`."""
    for layer in layers[:-1]:
        x = layer(x, packed)  # [positions, dim]
    result: Tensor = layers[-1](x, packed, at)
    return result


def positions(count: int, dim: int) -> nn.Parameter:
    """Return learnt position embeddings, counted from the end of a session."""
    return nn.Parameter(torch.empty(count, dim).uniform_(-0.05, 0.05))
