"""S3-Rec's network: SASRec's, which during pre-training reads masked sessions in both directions.

K. Zhou et al.: S3-Rec: Self-Supervised Learning for Sequential Recommendation with Mutual
Information Maximization. CIKM 2020; network and head as SASRec's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from benchkit_plugins.recommenders.neural.networks.sasrec import SASRecNetwork
from benchkit_plugins.recommenders.neural.packing import Packed
from benchkit_plugins.recommenders.neural.transformer import Attention


class S3RecNetwork(SASRecNetwork):
    """SASRec's network and weights; what only pre-training needs lives in `objectives.py`."""

    def read_masked(self, packed: Packed, mask: Tensor) -> Tensor:
        """Return hidden states of masked sessions, ``[positions, dim]``; every item sees every.

        Args:
            packed: sessions; the number of items stands for the mask.
            mask: embedding of the mask, ``[dim]``.
        """
        masked = packed.items == self.items  # [positions]
        x = self.embed(packed.items.clamp(max=self.items - 1))  # [positions, dim]
        x = torch.where(masked[:, None], mask, x)
        with self._both_directions():
            return self.encode(x, packed)

    @contextmanager
    def _both_directions(self) -> Iterator[None]:
        """Let every position attend to all of its session meanwhile."""
        attentions = [part for part in self.modules() if isinstance(part, Attention)]
        for attention in attentions:
            attention.causal = False
        try:
            yield
        finally:
            for attention in attentions:
                attention.causal = True
