"""S3-Rec's four objectives: what an item, a masked session and a segment tell about one another.

K. Zhou et al., CIKM 2020, Equations 5 to 8. Each compares W h + b, with W and b of its own, to an
embedding; sums run over everything there is to predict, as in the authors' code.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from benchkit_plugins.recommenders.neural.masking import Attributes, MaskedBatch
from benchkit_plugins.recommenders.neural.network import Dense
from benchkit_plugins.recommenders.neural.networks import S3RecNetwork
from benchkit_plugins.recommenders.neural.packing import Packed, beside

_SCORES = 4 << 20  # scores of attributes held at once


class Objectives(nn.Module):
    """The network that is pre-trained, and what it needs for that alone.

    Attributes:
        mask: embedding of the mask, ``[dim]``.
        table: attribute embeddings, ``[attributes, dim]``.
    """

    def __init__(self, network: S3RecNetwork, attributes: Attributes) -> None:
        super().__init__()
        dim = network.table.shape[1]
        self.network, self.attributes = network, attributes
        self.mask = nn.Parameter(torch.empty(dim).uniform_(-0.05, 0.05))
        self.table = nn.Parameter(torch.empty(attributes.count, dim).uniform_(-0.05, 0.05))
        self.to_attributes, self.to_item = _compare(dim), _compare(dim)
        self.to_masked_attributes, self.to_segment = _compare(dim), _compare(dim)

    def forward(self, batch: MaskedBatch) -> Tensor:
        """Return the four losses a case: ``[associated, items, masked attributes, segments]``."""
        packed = Packed.of(batch.readings, self.mask.device)
        states = self.network.read_masked(packed, self.mask)  # [4 positions, dim]
        masked = states.index_select(0, packed.where)  # [predictions, dim]
        # The last position stands for its session.
        sessions = states[packed.distances == 0].view(4, len(batch), -1)  # [4, cases, dim]
        losses = [
            self.associated_attributes(batch),
            self.masked_items(batch, masked),
            self.masked_attributes(batch, masked),
            self.segments(batch, sessions),
        ]
        return torch.stack(losses) / len(batch)

    def associated_attributes(self, batch: MaskedBatch) -> Tensor:
        """Tell the attributes of each item that is shown from its embedding (AAP).

        The embedding as it is, as in Equation 5; the authors' code takes the hidden state.
        """
        items = batch.shown[self.attributes.described(batch.shown)]
        rows = self.network.embed(beside(self.mask, items))  # [shown, dim]
        return attribute_loss(self.to_attributes(rows), self.table, *self._right(items))

    def masked_items(self, batch: MaskedBatch, masked: Tensor) -> Tensor:
        """Tell each masked item from another one (MIP)."""
        right = self.network.embed(beside(masked, batch.readings.targets))  # [predictions, dim]
        wrong = self.network.embed(beside(masked, batch.wrong))
        return contrast(self.to_item(masked), right, wrong)

    def masked_attributes(self, batch: MaskedBatch, masked: Tensor) -> Tensor:
        """Tell the attributes of each masked item (MAP)."""
        items = batch.readings.targets
        described = self.attributes.described(items)
        queries = self.to_masked_attributes(masked[beside(masked, described)])
        return attribute_loss(queries, self.table, *self._right(items[described]))

    def segments(self, batch: MaskedBatch, sessions: Tensor) -> Tensor:
        """Tell the segment that a session lacks from a foreign one (SP)."""
        _, context, right, wrong = sessions[:, beside(sessions, batch.paired)]  # [paired, dim]
        return contrast(self.to_segment(context), right, wrong)

    def _right(self, items: Any) -> tuple[Tensor, Tensor]:
        owners, codes = self.attributes.pairs(items)
        return beside(self.mask, owners), beside(self.mask, codes)


def attribute_loss(queries: Tensor, table: Tensor, owners: Tensor, codes: Tensor) -> Tensor:
    """Return the binary cross-entropy of all attributes, summed over them and the queries.

    That is ln(1 + e^score) summed over all pairs, less the scores of the right ones. Memory does
    not grow with the product of queries and attributes.

    Args:
        queries: ``[queries, dim]``.
        table: attribute embeddings, ``[attributes, dim]``.
        owners: the query of each right pair, ``int64[pairs]``.
        codes: the attribute of each right pair, ``int64[pairs]``.
    """
    right = queries.index_select(0, owners) * F.embedding(codes, table)  # [pairs, dim]
    wrong: Tensor = _SumOfSoftplus.apply(queries, table)  # type: ignore[no-untyped-call]
    return wrong - right.sum()


def contrast(queries: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    """Return -ln sigmoid(score of the right one - score of the wrong one), summed.

    All are ``[queries, dim]``: `right` should score higher than `wrong`.
    """
    return F.softplus((queries * (wrong - right)).sum(dim=1)).sum()


class _SumOfSoftplus(torch.autograd.Function):
    """Sum of ln(1 + e^score) over all pairs, fused with its gradient as in `full_softmax.py`."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, table: Tensor) -> Tensor:
        total = queries.new_zeros(())
        of_queries, of_table = torch.zeros_like(queries), torch.zeros_like(table)
        rows = max(1, _SCORES // max(1, len(table)))
        for part, gradient in zip(
            torch.split(queries, rows), torch.split(of_queries, rows), strict=True
        ):
            scores = part @ table.T  # [rows, attributes]
            total += F.softplus(scores).sum()
            shares = scores.sigmoid_()
            gradient.copy_(shares @ table)
            of_table.addmm_(shares.T, part)
        ctx.save_for_backward(of_queries, of_table)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        (scale,) = grads
        return tuple(gradient * scale for gradient in ctx.saved_tensors)


def _compare(dim: int) -> Dense:
    """Return a dense layer that begins by comparing the two sides as they are."""
    layer = Dense(dim, dim)
    nn.init.eye_(layer.weight)
    return layer
