"""Training losses: how far scores are from ranking the right item first.

A loss takes what the head gives and the item table, not scores: scores of all items for all
predictions of a batch would be its largest array by far, and no loss here ever holds them.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import inf, log
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from benchkit.contracts.arrays import Int64
from benchkit_plugins.recommenders.neural.full_softmax import FullSoftmax


class Loss(Protocol):
    """What training minimises."""

    def __call__(self, queries: Tensor, table: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss over all predictions.

        Args:
            queries: what the head gives, ``[predictions, dim]``.
            table: item embeddings, ``[items, dim]``.
            bias: ``[items]``.
            targets: right items, ``int64[predictions]``.
        """

    def of_popularity(self, frequencies: Int64) -> float:
        """Return the least loss that one answer to all prompts has; -inf where it is not known.

        Args:
            frequencies: how often each item is to be predicted, ``int64[items]``.
        """


@dataclass
class SampledLoss:
    """Base of the losses over drawn items, which all predictions of a step share.

    Drawn uniformly from all items, with replacement; where the right item itself is drawn it does
    not count. So each wrong item is expected negatives / items times.
    """

    negatives: int

    def __call__(self, queries: Tensor, table: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        drawn = torch.randint(len(table), (self.negatives,), device=table.device)
        ids = torch.cat([targets, drawn])
        rows, biases = F.embedding(ids, table), bias[ids]  # one gather, so one gradient
        count = len(targets)
        positive = (queries * rows[:count]).sum(dim=1) + biases[:count]  # [predictions]
        negative = torch.addmm(biases[count:], queries, rows[count:].T)  # [predictions, negatives]
        negative = negative.masked_fill(drawn == targets[:, None], float("-inf"))
        return self.loss(positive, negative, len(table)).mean()

    def of_popularity(self, frequencies: Int64) -> float:  # noqa: ARG002
        return -inf

    @abstractmethod
    def loss(self, positive: Tensor, negative: Tensor, items: int) -> Tensor:
        """Return the loss of each prediction, ``[predictions]``.

        Args:
            positive: scores of the right items, ``[predictions]``.
            negative: scores of drawn items, ``[predictions, negatives]``; ``-inf``: not drawn.
            items: how many items there are.
        """


class SampledSoftmax(SampledLoss):
    """Cross-entropy in which drawn items stand for all wrong ones.

    Each counts for items / negatives, as importance sampling demands (Y. Bengio, J.-S. Senecal:
    Adaptive Importance Sampling. IEEE TNN 2008).
    """

    def loss(self, positive: Tensor, negative: Tensor, items: int) -> Tensor:
        weight = log(items / self.negatives)
        scores = torch.cat([positive[:, None], negative + weight], dim=1)
        return scores.logsumexp(dim=1) - positive


@dataclass
class GBCE(SampledLoss):
    """Generalised binary cross-entropy, against the overconfidence that sampling causes.

    A. Petrov, C. Macdonald: gSASRec. RecSys 2023, Equation 8: a mean over the negatives and the
    right item. There negatives never hit the right item; its sampling rate, negatives / (items - 1)
    there, is the one of these draws here.
    """

    calibration: float

    def loss(self, positive: Tensor, negative: Tensor, items: int) -> Tensor:
        rate = self.negatives / items
        power = rate * (self.calibration * (1 - 1 / rate) + 1 / rate)
        total = F.softplus(negative).sum(dim=1) + power * F.softplus(-positive)
        return total / (self.negatives + 1)


class BPR(SampledLoss):
    """Bayesian personalised ranking: each drawn item should score below the right one.

    S. Rendle et al.: BPR: Bayesian Personalized Ranking from Implicit Feedback. UAI 2009.
    """

    def loss(self, positive: Tensor, negative: Tensor, items: int) -> Tensor:  # noqa: ARG002
        return F.softplus(negative - positive[:, None]).mean(dim=1)


def make_loss(kind: str, negatives: int, calibration: float, dtype: torch.dtype) -> Loss:
    if kind == "softmax":
        return FullSoftmax(dtype)
    if kind == "gbce":
        return GBCE(negatives, calibration)
    return SampledSoftmax(negatives) if kind == "sampled-softmax" else BPR(negatives)
