"""Early stopping's measure: NDCG@20 over held-out sessions.

As many sessions are held out as by the paper's authors, drawn at random, so they are no later than
what is learnt from: where popularity moves with time, as on Steam, their NDCG@20 may peak some
epochs before that of later sessions. The paper does not say which of their items are predicted. Its
folds and its test withhold the last one (7.1.1, 7.1.4), which is ``validation_items="last"``; the
default is every item but the first, since 500 prompts vary more than one epoch improves.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor

from benchkit import Sessions
from benchkit.contracts.arrays import Int64
from benchkit.toolkit.ranking import excluded
from benchkit_plugins.recommenders.neural.config import NeuralConfig
from benchkit_plugins.recommenders.neural.examples import Examples, Prefixes
from benchkit_plugins.recommenders.neural.network import Network
from benchkit_plugins.recommenders.neural.scoring import scored

CUTOFF = 20


@dataclass(frozen=True, eq=False)
class Validation:
    """Prompts and what follows them, of held-out sessions.

    Attributes:
        read: what the network reads of the prompts, none empty.
        exclude: items that are no candidates, one session a prompt.
        truth: the withheld items, ``int64[prompts]``.
    """

    read: Sessions
    exclude: Sessions
    truth: Int64

    @classmethod
    def of(cls, sessions: Sessions, config: NeuralConfig) -> Validation:
        """Withhold every item but the first of each session in turn, or its last alone.

        The last alone, where the items before it are learnt from.
        """
        if config.validation_items == "every" and config.hold_out == "sessions":
            cases = Prefixes(sessions.last(config.last_n_items + 1))
            sessions = cases.take(np.arange(len(cases)))
        sessions = sessions.take(np.flatnonzero(sessions.lengths >= 2))
        prompts = sessions.where(sessions.distances > 1)
        read = prompts.last(config.last_n_items)
        truth = sessions.items[sessions.offsets[1:] - 1].astype(np.int64)
        return cls(read, excluded(prompts, read, config.exclude_seen), truth)

    def __len__(self) -> int:
        return len(self.truth)


def hold_out(
    sessions: Sessions, config: NeuralConfig, draw: np.random.Generator
) -> tuple[Sessions, Sessions]:
    """Return (sessions to learn from, sessions to validate on), both ordered as they were."""
    if config.hold_out == "last-items":
        return sessions.where(sessions.distances > 1), sessions
    count = len(sessions)
    held = min(ceil(config.validation_share * count), config.validation_limit, max(0, count - 1))
    rows = draw.permutation(count)
    return sessions.take(np.sort(rows[held:])), sessions.take(np.sort(rows[:held]))


@torch.no_grad()
def ndcg(network: Network, examples: Examples, held_out: Validation) -> float:
    """Return NDCG@20 over all held-out prompts; NaN where a score is infinite or NaN.

    Among equal scores the truth comes last: a network that scores all alike has learnt nothing.
    """
    network.eval()

    def gains(rows: Int64, scores: Tensor) -> float:
        return _gains(scores, torch.from_numpy(held_out.truth[rows]).to(scores.device))

    parts = scored(network, examples, held_out.read, held_out.exclude, gains)
    return sum(parts) / len(held_out)


def ndcg_of_popularity(held_out: Validation, frequencies: Int64) -> float:
    """Return NDCG@20 of ranking all items by frequency, as `ndcg` counts.

    Args:
        held_out: the prompts.
        frequencies: how often each item was trained on, ``int64[items]``.
    """
    items, truth = len(frequencies), held_out.truth
    left_out = np.unique(held_out.exclude.owners * items + held_out.exclude.items)
    owners, codes = np.divmod(left_out, items)
    # Items at least as frequent as the truth, less those among them that are left out.
    ranks = items - np.searchsorted(np.sort(frequencies), frequencies[truth])  # [prompts]
    above = owners[frequencies[codes] >= frequencies[truth[owners]]]
    ranks -= np.bincount(above, minlength=len(truth))
    listed = (ranks <= CUTOFF) & ~np.isin(np.arange(len(truth)) * items + truth, left_out)
    return float((1 / np.log2(ranks[listed] + 1)).sum() / len(truth))


def _gains(scores: Tensor, truth: Tensor) -> float:
    if not scores.max() < float("inf"):
        return float("nan")
    right = scores.gather(1, truth[:, None])  # [prompts, 1]
    ranks = (scores >= right).sum(dim=1)  # [prompts]
    hit = (ranks <= CUTOFF) & (ranks > 0) & right[:, 0].isfinite()
    return float((hit / torch.log2(ranks + 1.0).clamp(min=1)).sum())
