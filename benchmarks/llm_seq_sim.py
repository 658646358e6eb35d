"""Speed and memory of LLMSeqSim, beside the floor: one matrix product plus top-k.

    python benchmarks/llm_seq_sim.py                                     # Beauty's size
    python benchmarks/llm_seq_sim.py --prompts 256 --items 1000000 --dim 64 --repeats 1

Embeddings and sessions are random, of the sizes given. The floor is the fastest of a few ways to
multiply prompt embeddings with all items and take the best k of each row, by numpy's matrix product
and torch's or numpy's top-k, in batches of our size or all at once; it pools nothing, excludes
nothing and lets equal scores fall as they may. Peak memory includes embeddings, sessions and torch.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchkit.contracts.sessions import Sessions, offsets_of
from benchkit_plugins.recommenders.llm_seq_sim import LLMSeqSim
from benchkit_plugins.recommenders.similarity.search import SimilarItems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--prompts", type=int, default=4463)
    parser.add_argument("--items", type=int, default=12_101)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    prompts = random_sessions(rng, args.prompts, args.items)
    model = LLMSeqSim()
    vectors = rng.standard_normal((args.items, args.dim), dtype=np.float32)
    model.items = SimilarItems(vectors)
    ours = timed(lambda: model.recommend(prompts, args.k), args.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    batch = model.items.batch
    print(f"ours    {ours:8.3f} s, {args.prompts / ours:,.0f} prompts a second")
    print(f"memory  {peak:8.2f} GiB at its peak, {min(batch, args.prompts)} prompts a batch")
    queries = rng.standard_normal((args.prompts, args.dim), dtype=np.float32)
    vectors = model.items.vectors
    floors = {
        name: timed(partial(way, queries, vectors, args.k, batch), args.repeats)
        for name, way in WAYS.items()
    }
    for name, seconds in floors.items():
        print(f"floor   {seconds:8.3f} s by {name}")
    print(f"ours / floor = {ours / min(floors.values()):.2f}")


def random_sessions(rng: np.random.Generator, count: int, items: int) -> Sessions:
    """Return sessions as long as Beauty's."""
    offsets = offsets_of(4 + rng.geometric(0.2, count))
    codes = rng.integers(0, items, offsets[-1]).astype(np.int32)
    times = np.arange(len(codes), dtype=np.int64)
    return Sessions(codes, offsets, times, np.arange(count, dtype=np.int32))


def by_torch(queries: Any, vectors: Any, k: int, batch: int) -> None:
    import torch

    for start in range(0, len(queries), batch):
        torch.topk(torch.from_numpy(queries[start : start + batch] @ vectors.T), k, dim=1)


def by_numpy(queries: Any, vectors: Any, k: int, batch: int) -> None:
    for start in range(0, len(queries), batch):
        np.argpartition(queries[start : start + batch] @ vectors.T, len(vectors) - k, axis=1)


WAYS: dict[str, Callable[[Any, Any, int, int], None]] = {
    "numpy and torch.topk": by_torch,
    "numpy and torch.topk, 512 prompts at once": lambda q, v, k, batch: by_torch(
        q, v, k, min(batch, 512)
    ),
    "numpy and np.argpartition": by_numpy,
}


def timed(work: Callable[[], object], repeats: int) -> float:
    """Return the median of some seconds, after a warm-up where there is more than one."""
    if repeats > 1:
        work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
