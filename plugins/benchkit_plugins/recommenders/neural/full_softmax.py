"""Cross-entropy over all items, fused with its gradient.

Scores of a few predictions at a time become probabilities and then gradients in the same buffer,
so memory does not grow with the product of batch and items. Computing the gradient in the forward
pass saves computing the scores twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from benchkit.contracts.arrays import Int64
from benchkit_plugins.hardware import ALIGN, aligned

# Scores held at once: large enough for fast products, small enough for the caches.
_SCORES = 6 << 20


class FullSoftmax:
    """Mean cross-entropy of right items under a softmax over all items.

    Keeps its buffers: giving memory back and asking for it anew costs more than some products.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        """Make one for products in `dtype`; sums are in the precision of the queries."""
        self.dtype = dtype
        self._buffers: dict[str, Tensor] = {}

    def __call__(self, queries: Tensor, table: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy; arguments as in `losses.Loss`."""
        result: Tensor = _Fused.apply(queries, table, bias, targets, self)  # type: ignore[no-untyped-call]
        return result

    def of_popularity(self, frequencies: Int64) -> float:
        """Return the entropy of the items; argument as in `losses.Loss`."""
        shares = frequencies[frequencies > 0] / frequencies.sum()
        return -float((shares * np.log(shares)).sum())

    def buffer(
        self, name: str, rows: int, columns: int, like: Tensor, dtype: torch.dtype
    ) -> Tensor:
        """Return an uninitialised matrix whose memory is kept under `name`."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < rows * columns or buffer.dtype != dtype:
            buffer = torch.empty(rows * columns, dtype=dtype, device=like.device)
            self._buffers[name] = buffer
        return buffer[: rows * columns].view(rows, columns)


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, table: Tensor, bias: Tensor, targets: Tensor, own: FullSoftmax
    ) -> Tensor:
        work = _Work(queries, table, bias, targets, own, ctx.needs_input_grad[1])
        loss = work.run()
        ctx.save_for_backward(work.of_queries, work.of_table, work.of_bias)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        of_queries, of_table, of_bias = ctx.saved_tensors
        (scale,) = grads
        gradients = (of_queries, of_table, of_bias)
        return *(None if g is None else g * scale for g in gradients), None, None


class _Work:
    """One evaluation: the loss and its gradients."""

    def __init__(
        self,
        queries: Tensor,
        table: Tensor,
        bias: Tensor,
        targets: Tensor,
        own: FullSoftmax,
        trainable: bool,
    ) -> None:
        items, dim = table.shape
        wide = aligned(items)
        dtype = own.dtype if queries.dtype != torch.float64 else torch.float64
        self.queries, self.targets, self.dtype, self.items = queries, targets, dtype, items
        fit = max(ALIGN, _SCORES // wide // ALIGN * ALIGN)
        self.rows = min(fit, aligned(len(queries)))
        self.table = own.buffer("table", wide, dim, table, dtype)
        self.table[:items], self.table[items:] = table, 0
        self.bias = own.buffer("bias", 1, wide, table, dtype)
        # Items that only align the rest have no probability.
        self.bias[0, :items], self.bias[0, items:] = bias, float("-inf")
        self.scores = own.buffer("scores", self.rows, wide, table, dtype)
        self.shares = own.buffer("shares", self.rows, wide, table, dtype)
        self.ones = queries.new_ones(1, self.rows, dtype=dtype)
        self.of_queries = torch.empty_like(queries)
        self.table_sum = queries.new_zeros(wide, dim) if trainable else None
        self.bias_sum = queries.new_zeros(wide)

    def run(self) -> Tensor:
        """Return the loss and leave the gradients behind."""
        count = len(self.queries)
        loss = self.queries.new_zeros(())
        for start in range(0, count, self.rows):
            loss += self._chunk(start, min(start + self.rows, count))
        self.of_table = None if self.table_sum is None else self.table_sum[: self.items] / count
        self.of_bias = self.bias_sum[: self.items] / count
        self.of_queries /= count
        return loss / count

    def _chunk(self, start: int, stop: int) -> Tensor:
        real = stop - start
        rows = aligned(real)
        queries = F.pad(self.queries[start:stop].to(self.dtype), (0, 0, 0, rows - real))
        targets = self.targets[start:stop, None]  # [real, 1]
        scores, shares = self.scores[:rows], self.shares[:rows]
        torch.addmm(self.bias, queries, self.table.T, out=scores)  # [rows, items]
        torch.softmax(scores, dim=1, out=shares)
        right = shares[:real].gather(1, targets)
        # The gradient of the scores is the share of each item, less one for the right item.
        shares[:real].scatter_(1, targets, right - 1)
        shares[real:] = 0
        self.of_queries[start:stop] = (shares @ self.table)[:real]
        if self.table_sum is not None:
            self._add_product(self.table_sum, shares.T, queries)
        self.bias_sum += (self.ones[:, :rows] @ shares)[0]
        tiny = torch.finfo(self.dtype).tiny
        return -right.clamp(min=tiny).to(self.queries.dtype).log().sum()

    @staticmethod
    def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
        if left.dtype == total.dtype:
            total.addmm_(left, right)
        else:
            total += left @ right
