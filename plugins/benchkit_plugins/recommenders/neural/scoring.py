"""From prompts to scores of all items, and to ranked lists, in parts of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from benchkit import Recommendations, Sessions
from benchkit.contracts.arrays import Int32, Int64, UInt64
from benchkit.toolkit.ranking import contenders, demand_numbers, top_k_of
from benchkit_plugins.hardware import in_parts
from benchkit_plugins.recommenders.neural.examples import Examples
from benchkit_plugins.recommenders.neural.network import Network
from benchkit_plugins.recommenders.neural.packing import Packed, beside

Result = TypeVar("Result")

_HELD = 1 << 22  # numbers of one array held at once: scores, or hidden states


def scored(
    network: Network,
    examples: Examples,
    read: Sessions,
    exclude: Sessions,
    find: Callable[[Int64, Tensor], Result],
) -> Iterator[Result]:
    """Yield a function of the scores of each part of the prompts; smaller parts on short memory.

    Args:
        network: in evaluation mode.
        examples: how prompts are read.
        read: what is read of each prompt; may be empty.
        exclude: items to leave out, one session a prompt.
        find: gets the prompts of a part, ``int64[part]``, and the scores of all items for them,
            ``[part, items]``, ``-inf`` where an item is left out.

    Raises:
        OutOfMemoryError: memory is too short for a single prompt.
    """
    order = np.argsort(read.lengths, kind="stable")  # like lengths together need little padding
    parts, start = 1, 0
    size = max(network.table.shape)

    def compute(parts: int) -> tuple[int, Result]:
        held = _HELD // parts
        rows = order[start : start + max(1, held // size)]
        scores = _scores(network, examples, read.take(rows), held)
        excluded = exclude.take(rows)
        scores[beside(scores, excluded.owners), beside(scores, excluded.items)] = -inf
        return len(rows), find(rows, scores)

    while start < len(order):
        (rows, result), parts = in_parts(compute, parts, _HELD // size, lambda _parts: None)
        yield result
        start += rows


def _scores(network: Network, examples: Examples, read: Sessions, held: int) -> Tensor:
    """Return the scores of all items, ``[prompts, items]``; `held`: numbers of an array at once."""
    table = network.table
    queries = table.new_zeros(len(read), table.shape[1])
    filled = np.flatnonzero(read.lengths)
    if len(filled):
        batch = examples.prompts(read.take(filled))
        states = len(batch) * int(np.diff(batch.offsets).max()) * table.shape[1]
        parts = batch.split(-(-states // held))
        of_parts = [network.queries(Packed.of(part, table.device)) for part in parts]
        queries[beside(table, filled)] = torch.cat(of_parts)
    return torch.addmm(network.bias, queries, table.T)


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
    """Return each prompt's best `k` items, in catalog codes; arguments as in `scored`, and:

    Args:
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
    best, places = (part.cpu().numpy() for part in scores.topk(min(k + 1, items), dim=1))
    demand_numbers(best)  # they come first
    listed = best > -np.inf
    lists = Recommendations.empty(prompts, k)
    lists.items[:, :items] = np.where(listed, codes[places], -1)[:, :k]
    lists.scores[:, :items] = best[:, :k]
    tied = np.flatnonzero(((best[:, 1:] == best[:, :-1]) & listed[:, 1:]).any(axis=1))
    if len(tied):
        rest = scores[beside(scores, tied)].cpu().numpy()
        rows, columns = contenders(rest, k)
        again = top_k_of(rows, codes[columns], rest[rows, columns], k, ties[tied])
        lists.items[tied], lists.scores[tied] = again.items, again.scores
    return lists
