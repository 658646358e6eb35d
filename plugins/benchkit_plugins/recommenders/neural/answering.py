"""From prompts to ranked lists."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchkit import Recommendations, Sessions
from benchkit.contracts.arrays import Int32, Int64, UInt64
from benchkit.toolkit.ranking import contenders, demand_numbers, top_k_of
from benchkit_plugins.recommenders.neural.examples import Examples
from benchkit_plugins.recommenders.neural.network import Network
from benchkit_plugins.recommenders.neural.scoring import scored


@torch.no_grad()
def answer(
    network: Network,
    examples: Examples,
    read: Sessions,
    exclude: Sessions,
    codes: Int32,
    ties: UInt64,
    k: int,
) -> Recommendations:
    """Return each prompt's best `k` items, in catalog codes.

    Args:
        network: in evaluation mode.
        examples: how prompts are read.
        read: what is read of each prompt; may be empty.
        exclude: items to leave out, one session a prompt.
        codes: catalog code of each item that the network knows, ``int32[items]``.
        ties: `tie_keys` of the prompts.
        k: length of the lists.
    """
    lists = Recommendations.empty(len(read), k)
    if not network.items:
        return lists

    def best(rows: Int64, scores: Tensor) -> tuple[Int64, Recommendations]:
        return rows, _best(scores, k, codes, ties[rows])

    for rows, part in scored(network, examples, read, exclude, best):
        lists.items[rows], lists.scores[rows] = part.items, part.scores
    return lists


def _best(scores: Tensor, k: int, codes: Int32, ties: UInt64) -> Recommendations:
    """Rank scores as `benchkit.toolkit.ranking.top_k` does, faster; ``-inf`` is never listed.

    torch finds the best items in order. Only where two of them, or one and the first beyond the
    list, score alike does the order among equals matter, and the whole row is ranked.
    """
    prompts, items = scores.shape
    best, places = (found.cpu().numpy() for found in scores.topk(min(k + 1, items), dim=1))
    demand_numbers(best)  # they come first
    listed = best > -np.inf
    lists = Recommendations.empty(prompts, k)
    lists.items[:, :items] = np.where(listed, codes[places], -1)[:, :k]
    lists.scores[:, :items] = best[:, :k]
    tied = np.flatnonzero(((best[:, 1:] == best[:, :-1]) & listed[:, 1:]).any(axis=1))
    if len(tied):
        rest = scores[torch.from_numpy(tied).to(scores.device)].cpu().numpy()
        rows, found = contenders(rest, k)
        again = top_k_of(rows, codes[found], rest[rows, found], k, ties[tied])
        lists.items[tied], lists.scores[tied] = again.items, again.scores
    return lists
