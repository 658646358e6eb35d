"""Speed of matching unknown titles to items by embedding, beside the floor.

    taskset -c 0 python benchmarks/matching.py        # 100,000 titles, 12,101 items, 384 numbers

Embeddings are random; prompts have 20 unknown titles each, a fifth of them said more than once. The
floor is one plain matrix product of all titles and items and an argmax, in blocks of the same size:
it finds the nearest item of each title, but neither ranks the next ones, which a list needs whose
nearest items are taken, nor makes lists. Times are the best of `--repeats`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchkit import Catalog, Sessions
from benchkit.contracts.arrays import Float32
from benchkit.evaluation.bench import Workbench
from benchkit_plugins.recommenders.prompted.matching import Matching
from benchkit_plugins.recommenders.prompted.titles import Title
from benchkit_plugins.recommenders.similarity.search import SimilarItems

K = 20


@dataclass(frozen=True, eq=False)
class Given(Workbench):
    """A bench that has all embeddings at hand: embedding is not what is timed."""

    items: Any = None
    unknown: Any = None

    def embeddings(self, *_: Any, **__: Any) -> Float32:
        return np.asarray(self.items)

    def embed_texts(self, texts: Sequence[str], *_: Any, **__: Any) -> Float32:
        return np.asarray(self.unknown[[int(text) for text in texts]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--titles", type=int, default=100_000, help="different unknown titles")
    parser.add_argument("--items", type=int, default=12_101)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    items = rng.standard_normal((args.items, args.dim), dtype=np.float32)
    unknown = rng.standard_normal((args.titles, args.dim), dtype=np.float32)
    said = [*range(args.titles), *rng.integers(0, args.titles, args.titles // 5).tolist()]
    titles = [Title(str(number)) for number in said]
    answers = [titles[start : start + K] for start in range(0, len(titles), K)]
    train = Sessions.from_lists([[0]])
    offsets, none = np.zeros(args.items + 1, dtype=np.int64), [""] * args.items
    catalog = Catalog(none, none, none, none, offsets, np.zeros(0, dtype=np.int32), [])
    bench = Given(catalog, train, np.zeros(args.items), items=items, unknown=unknown)
    nothing = Sessions.from_lists([[]] * len(answers))

    def ours() -> None:
        Matching("minilm", bench).lists(answers, K, nothing)

    def floor() -> None:
        block = SimilarItems(items[:1]).batch // args.items
        for start in range(0, args.titles, max(1, block)):
            (unknown[start : start + block] @ items.T).argmax(axis=1)

    plain, found = best(floor, args.repeats), best(ours, args.repeats)
    print(f"{args.titles:,} titles, said {len(titles):,} times, {args.items:,} items")
    print(f"floor (product and argmax) {plain:6.2f} s")
    print(f"ours (lists of {K})         {found:6.2f} s, {found / plain:.1f} times the floor")


def best(run: Callable[[], None], repeats: int) -> float:
    """Return the seconds of the fastest run."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    main()
