"""From prompts to ranked lists."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchkit import Recommendations, Sessions
from benchkit.contracts.sessions import Int64
from benchkit.ranking import contenders, top_k_of
from benchkit_plugins.recommenders.neural.examples import Examples
from benchkit_plugins.recommenders.neural.network import Network
from benchkit_plugins.recommenders.neural.scoring import scored


@torch.no_grad()
def answer(
    network: Network, examples: Examples, read: Sessions, exclude: Sessions, ties: Int64, k: int
) -> Recommendations:
    """Return each prompt's best `k` items, in dense codes.

    Args:
        network: in evaluation mode.
        examples: how prompts are read.
        read: what is read of each prompt; may be empty.
        exclude: items to leave out, one session a prompt.
        ties: each item's place among equal scores.
        k: length of the lists.
    """
    lists = Recommendations.empty(len(read), k)
    if not network.items:
        return lists

    def best(rows: Int64, scores: Tensor) -> tuple[Int64, Recommendations]:
        return rows, _best(scores, k, ties)

    for rows, part in scored(network, examples, read, exclude, best):
        lists.items[rows], lists.scores[rows] = part.items, part.scores
    return lists


def _best(scores: Tensor, k: int, ties: Int64) -> Recommendations:
    """Rank scores as `benchkit.ranking.top_k` does, faster; ``-inf`` is never listed.

    torch finds the best items in order. Only where two of them, or one and the first beyond the
    list, score alike does the order among equals matter, and the whole row is ranked.
    """
    prompts, items = scores.shape
    best, codes = (found.cpu().numpy() for found in scores.topk(min(k + 1, items), dim=1))
    listed = best > -np.inf
    lists = Recommendations.empty(prompts, k)
    lists.items[:, :items] = np.where(listed, codes, -1)[:, :k]
    lists.scores[:, :items] = best[:, :k]
    tied = np.flatnonzero(((best[:, 1:] == best[:, :-1]) & listed[:, 1:]).any(axis=1))
    if len(tied):
        rest = scores[torch.from_numpy(tied).to(scores.device)].cpu().numpy()
        rows, found = contenders(rest, k)
        again = top_k_of(rows, found, rest[rows, found], k, ties, len(tied))
        lists.items[tied], lists.scores[tied] = again.items, again.scores
    return lists
