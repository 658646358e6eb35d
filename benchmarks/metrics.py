"""Speed of the metrics at 10 and 20 for 100,000 prompts x 20, beside other libraries.

    pip install rectools ranx          # in an environment of their own: RecTools wants numpy 1
    python benchmarks/metrics.py [--prompts N] [--repeats N]

Every side starts from its own kind of input, already in memory, and ends with numbers; converting
to it is never timed. All sides must agree on the numbers.

- benchkit, lists ready: `measure_lists` with the paper's six metrics, per-prompt values kept; the
  lists were checked, de-duplicated and laid out before. The others check nothing either.
- benchkit, any lists: `measure`, which is the same with checks, de-duplication and layout.
- RecTools, ranx: hit rate, NDCG and MRR only. ranx runs compiled, on all its threads, warmed up.
- numpy: these three from ranks, in an expression each: the floor.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benchkit.contracts.catalog import Catalog
from benchkit.contracts.metric import Metric, RankedLists
from benchkit.evaluation.measure import Measured, measure, measure_lists, ranked_lists
from benchkit_plugins.metrics import coverage, hr, mrr, ndcg, novelty, serendipity

ITEMS, DEPTH, CUTOFFS = 12_101, 20, (10, 20)
ACCURACY: dict[str, Metric] = {"hr": hr.HitRate(), "ndcg": ndcg.NDCG(), "mrr": mrr.MRR()}
SIX: dict[str, Metric] = {
    **ACCURACY,
    "coverage": coverage.Coverage(),
    "serendipity": serendipity.Serendipity(),
    "novelty": novelty.Novelty(),
}
Numbers = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of the metrics")
    parser.add_argument("--prompts", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    items, truth, counts = random_lists(args.prompts)
    sides = ours(items, truth, counts)
    sides["numpy, 3 metrics"] = lambda: floor(items, truth)
    for name, other in (("rectools", rectools), ("ranx", ranx)):
        if importlib.util.find_spec(name):
            sides[f"{name}, 3 metrics"] = other(items, truth)
        else:
            print(f"{name} is not installed: left out")
    numbers = {name: side() for name, side in sides.items()}
    report({name: median_time(side, args.repeats) for name, side in sides.items()}, numbers)


def random_lists(prompts: int) -> tuple[Any, Any, Any]:
    """Return distinct items a list, a truth that three in ten lists hold, and item counts."""
    rng = np.random.default_rng(0)
    start = rng.integers(0, ITEMS, (prompts, 1))
    items = rng.permuted((start + 7 * np.arange(DEPTH)) % ITEMS, axis=1).astype(np.int32)
    held = items[np.arange(prompts), rng.integers(0, DEPTH, prompts)]
    truth = np.where(rng.random(prompts) < 0.3, held, rng.integers(0, ITEMS, prompts))
    return items, truth.astype(np.int32), rng.zipf(1.5, ITEMS).clip(max=2000)


def ours(items: Any, truth: Any, counts: Any) -> dict[str, Callable[[], Numbers]]:
    names = [str(code) for code in range(ITEMS)]
    none = np.zeros(0, dtype=np.int32)
    catalog = Catalog(names, names, names, names, np.zeros(ITEMS + 1, dtype=np.int64), none, [])
    ready = ranked_lists(items, truth, counts, catalog)

    def lists_ready(metrics: dict[str, Metric]) -> Numbers:
        # A new object each time: ranks and the like are computed once a `RankedLists`.
        lists = RankedLists(ready.items, truth, counts, catalog)
        return complete(measure_lists(lists, CUTOFFS, metrics))

    def any_lists(metrics: dict[str, Metric]) -> Numbers:
        return complete(measure(items, truth, counts, catalog, CUTOFFS, metrics))

    return {
        "benchkit, 6 metrics, lists ready": lambda: lists_ready(SIX),
        "benchkit, 6 metrics, any lists": lambda: any_lists(SIX),
        "benchkit, 3 metrics, lists ready": lambda: lists_ready(ACCURACY),
        "benchkit, 3 metrics, any lists": lambda: any_lists(ACCURACY),
    }


def complete(measured: Measured) -> Numbers:
    assert not measured.failed, measured.failed
    return measured.summaries


def floor(items: Any, truth: Any) -> Numbers:
    hit = items == truth[:, None]
    rank = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1.0, np.inf)
    numbers = {}
    for k in CUTOFFS:
        top = np.where(rank <= k, rank, np.inf)
        numbers[f"hr@{k}"] = float((top < np.inf).mean())
        numbers[f"ndcg@{k}"] = float((1 / np.log2(top + 1)).mean())
        numbers[f"mrr@{k}"] = float((1 / top).mean())
    return numbers


def rectools(items: Any, truth: Any) -> Callable[[], Numbers]:
    pd, metrics = import_module("pandas"), import_module("rectools.metrics")
    columns = import_module("rectools").Columns
    users, depth = np.arange(len(items)), items.shape[1]
    lists = pd.DataFrame(
        {
            columns.User: np.repeat(users, depth),
            columns.Item: items.ravel(),
            columns.Rank: np.tile(np.arange(1, depth + 1), len(items)),
        }
    )
    wanted = pd.DataFrame({columns.User: users, columns.Item: truth})
    chosen = {}
    for k in CUTOFFS:
        chosen[f"hr@{k}"] = metrics.HitRate(k=k)
        chosen[f"ndcg@{k}"] = metrics.NDCG(k=k, divide_by_achievable=True)
        chosen[f"mrr@{k}"] = metrics.MRR(k=k)
    return lambda: dict(metrics.calc_metrics(chosen, lists, wanted))


def ranx(items: Any, truth: Any) -> Callable[[], Numbers]:
    library = import_module("ranx")
    scores = {rank: float(items.shape[1] - rank) for rank in range(items.shape[1])}
    wanted = library.Qrels({str(row): {str(code): 1} for row, code in enumerate(truth)})
    lists = library.Run(
        {
            str(row): {str(code): scores[rank] for rank, code in enumerate(codes)}
            for row, codes in enumerate(items.tolist())
        }
    )
    theirs = {
        f"{ours}@{k}": f"{name}@{k}"
        for ours, name in (("hr", "hit_rate"), ("ndcg", "ndcg"), ("mrr", "mrr"))
        for k in CUTOFFS
    }

    def run() -> Numbers:
        found = library.evaluate(wanted, lists, [*theirs.values()], save_results_in_run=False)
        return {ours: float(found[name]) for ours, name in theirs.items()}

    return run


def median_time(side: Callable[[], Numbers], repeats: int) -> float:
    side()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        side()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def report(seconds: dict[str, float], numbers: dict[str, Numbers]) -> None:
    ready = seconds["benchkit, 6 metrics, lists ready"]
    every = seconds["benchkit, 6 metrics, any lists"]
    for name, found in numbers.items():
        for key, value in numbers["numpy, 3 metrics"].items():
            assert abs(found[key] - value) < 1e-6, (name, key, found[key], value)
    print(f"{'':36s}{'median s':>10s}{'/ 6, lists ready':>18s}{'/ 6, any lists':>16s}")
    for name, taken in seconds.items():
        print(f"{name:36s}{taken:10.4f}{taken / ready:18.1f}{taken / every:16.1f}")


if __name__ == "__main__":
    main()
