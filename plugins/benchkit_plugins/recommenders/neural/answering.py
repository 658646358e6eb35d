"""From prompts to ranked lists, in batches of bounded memory."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchkit import Recommendations, Sessions
from benchkit.contracts.sessions import Int64
from benchkit.ranking import top_k
from benchkit_plugins.recommenders.neural.examples import Examples, by_length
from benchkit_plugins.recommenders.neural.network import Network
from benchkit_plugins.recommenders.neural.packing import Packed

_SCORES = 1 << 22  # scores held at once


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
    size = max(1, _SCORES // network.items)
    order = by_length(read)
    for start in range(0, len(read), size):
        rows = order[start : start + size]
        scores = _scores(network, examples, read.take(rows))
        part = _best(scores, k, ties, exclude.take(rows))
        lists.items[rows], lists.scores[rows] = part.items, part.scores
    return lists


def _scores(network: Network, examples: Examples, read: Sessions) -> Tensor:
    """Return the scores of all items, ``[prompts, items]``."""
    queries = network.table.new_zeros(len(read), network.table.shape[1])
    filled = np.flatnonzero(read.lengths)
    if len(filled):
        batch = examples.prompts(read.take(filled))
        found = network.queries(Packed.of(batch, queries.device))
        queries[torch.from_numpy(filled).to(queries.device)] = found
    return torch.addmm(network.bias, queries, network.table.T)


def _best(scores: Tensor, k: int, ties: Int64, exclude: Sessions) -> Recommendations:
    """Rank scores as `benchkit.ranking.top_k` does, faster.

    torch finds the best items in order. Only where two of them, or one and the first beyond the
    list, score alike does the order among equals matter, and the whole row is ranked.
    """
    device = scores.device
    owners = torch.from_numpy(exclude.owners).to(device)
    scores[owners, torch.from_numpy(exclude.items).to(device).long()] = float("-inf")
    prompts, items = scores.shape
    best, codes = (found.cpu().numpy() for found in scores.topk(min(k + 1, items), dim=1))
    listed = best > -np.inf
    lists = Recommendations.empty(prompts, k)
    lists.items[:, :items] = np.where(listed, codes, -1)[:, :k]
    lists.scores[:, :items] = best[:, :k]
    tied = np.flatnonzero(((best[:, 1:] == best[:, :-1]) & listed[:, 1:]).any(axis=1))
    if len(tied):
        rows = scores[torch.from_numpy(tied).to(device)].cpu().numpy()
        again = top_k(rows, k, ties, exclude.take(tied))
        lists.items[tied], lists.scores[tied] = again.items, again.scores
    return lists
