"""Speed and memory of the neighbourhood models, on one core.

    taskset -c 0 python benchmarks/neighbourhood.py --raw DIR      # reviews_Beauty.json.gz in DIR
    taskset -c 0 python benchmarks/neighbourhood.py --generated 281000 --prompts 4000

The first asks for the test prompts of Amazon Beauty with the paper's presets. Ties stay in the
order of the file. The second generates sessions of any number over 13,000 items of very uneven
popularity; 281,000 make 3.7 million interactions, Steam's size, with items in over 200,000 of the
sessions. Times are the best of `--repeats`.

`ratio` compares with a plain restatement of V-SKNN, one prompt at a time with sets and
dictionaries, timed on `--plain` of the prompts; lists of both must agree wherever sampling leaves
nothing out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchkit import Catalog, Recommendations, Recommender, Sessions
from benchkit.contracts.protocol import Protocol
from benchkit.contracts.sessions import offsets_of
from benchkit.data.split import trained_items, withhold
from benchkit.evaluation.bench import Workbench
from benchkit_plugins.recommenders import most_popular, random, s_sknn, sf_sknn, sknn, v_sknn

MODULES: tuple[Any, ...] = (most_popular, random, sknn, v_sknn, s_sknn, sf_sknn)
K = 20


@dataclass(frozen=True, eq=False)
class Data:
    """Training sessions, prompts, their ground truth (or None) and the number of items."""

    train: Sessions
    prompts: Sessions
    truth: np.ndarray[Any, Any] | None
    items: int
    family: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--raw", type=Path, help="folder that holds reviews_Beauty.json.gz")
    parser.add_argument("--generated", type=int, default=281_000, help="sessions to generate")
    parser.add_argument("--prompts", type=int, default=4_000, help="prompts to generate")
    parser.add_argument("--plain", type=int, default=200, help="prompts for the restatement")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    data = beauty(args.raw) if args.raw else generated(args.generated, args.prompts)
    print(
        f"{len(data.train):,} training sessions, {data.train.interactions:,} interactions, "
        f"{data.items:,} items, {len(data.prompts):,} prompts; {peak():,.0f} MiB before fitting"
    )
    ours = {}
    for module in MODULES:
        recommender = module.benchkit_recommenders()[0]
        ours[recommender.name] = timed(recommender, data, args.repeats)
    if args.plain:
        compare(data, min(args.plain, len(data.prompts)), *ours["v-sknn"])


def timed(kind: type[Recommender], data: Data, repeats: int) -> tuple[float, Recommendations]:
    """Print the best times of one recommender; return seconds a prompt, and the lists."""
    bench = Workbench(nameless(data.items), data.train, np.bincount(data.train.items))
    fits, asks = [], []
    for _ in range(repeats):
        model = kind(kind.Config.create(kind.presets.get(data.family, {}), kind.name))
        started = time.perf_counter()
        model.fit(data.train, bench)
        fitted = time.perf_counter()
        lists = model.recommend(data.prompts, K)
        fits.append(fitted - started)
        asks.append(time.perf_counter() - fitted)
    found = f"  NDCG@20 {ndcg(lists, data.truth):.4f}" if data.truth is not None else ""
    print(f"{kind.name:13} fit {min(fits):6.2f} s  recommend {min(asks):6.2f} s", end="")
    print(f"  peak {peak():5,.0f} MiB{found}")
    return min(asks) / len(data.prompts), lists


def compare(data: Data, prompts: int, seconds: float, lists: Recommendations) -> None:
    """Print how many times faster V-SKNN is than the plain restatement."""
    config: Any = v_sknn.VSKNN.Config.create(v_sknn.VSKNN.presets[data.family], "v-sknn")
    sessions = [frozenset(data.train[row].tolist()) for row in range(len(data.train))]
    postings: dict[int, list[int]] = defaultdict(list)
    for row, session in enumerate(sessions):
        for item in session:
            postings[item].append(row)
    rows = np.linspace(0, len(data.prompts) - 1, prompts).astype(int)
    started = time.perf_counter()
    plain = [
        v_sknn_plainly(data.prompts[row].tolist(), sessions, postings, config.k) for row in rows
    ]
    slow = (time.perf_counter() - started) / prompts
    exact = [
        sum(len(postings[item]) for item in set(data.prompts[row].tolist())) <= config.sample_size
        for row in rows
    ]
    found = [lists.scores[row][lists.items[row] >= 0] for row in rows]
    agree = [len(a) == len(b) and np.allclose(a, b) for a, b in zip(found, plain, strict=True)]
    if config.idf_weighting:
        exact = [False] * prompts  # the restatement does not know it
    wrong = sum(e and not a for e, a in zip(exact, agree, strict=True))
    print(
        f"plain restatement of v-sknn: {slow * 1000:.2f} ms a prompt, ours {seconds * 1000:.3f} ms"
    )
    print(f"ratio {slow / seconds:.0f}; {sum(exact)} lists compared, {wrong} differ")


def v_sknn_plainly(
    prompt: list[int], sessions: list[frozenset[int]], postings: dict[int, list[int]], k: int
) -> list[float]:
    """Return the scores of V-SKNN's list, without sampling and idf weighting."""
    read = [item for item in dict.fromkeys(prompt) if item in postings]
    weights = {item: 1 / (len(read) - place) for place, item in enumerate(read)}
    candidates = {row for item in read for row in postings[item]}
    similar = sorted(
        ((sum(weights[i] for i in sessions[row] if i in weights), row) for row in candidates),
        reverse=True,
    )
    scores: dict[int, float] = defaultdict(float)
    for similarity, row in similar[:k]:
        for item in sessions[row]:
            scores[item] += similarity
    return sorted((s for item, s in scores.items() if item not in weights), reverse=True)[:K]


def beauty(raw: Path) -> Data:
    """Read Amazon Beauty and split it by time."""
    reviews: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with gzip.open(raw / "reviews_Beauty.json.gz", "rt", encoding="utf-8") as lines:
        for review in map(json.loads, lines):
            reviews[review["reviewerID"]].append((review["unixReviewTime"], review["asin"]))
    rows = [sorted(reviews[name], key=lambda pair: pair[0]) for name in sorted(reviews)]
    codes = {asin: code for code, asin in enumerate(sorted({a for row in rows for _, a in row}))}
    sessions = Sessions.from_lists(
        [[codes[asin] for _, asin in row] for row in rows], [[t for t, _ in row] for row in rows]
    )
    sessions = sessions.take(np.argsort(sessions.last_times, kind="stable"))
    cut = len(sessions) - -(-len(sessions) // 5)
    train, later = sessions.between(0, cut), sessions.between(cut, len(sessions))
    kept = withhold(later, trained_items(train), Protocol()).kept
    return Data(train, kept.prompts, kept.truth, len(codes), "beauty")


def generated(count: int, prompts: int) -> Data:
    """Return random sessions of 6 to 300 items."""
    rng, items = np.random.default_rng(0), 13_000
    lengths = np.minimum(5 + rng.geometric(1 / 8, count), 300)
    popularity = np.arange(1, items + 1) ** -0.9
    total = int(lengths.sum())
    codes = rng.choice(items, total, p=popularity / popularity.sum()).astype(np.int32)
    train = Sessions(codes, offsets_of(lengths), np.arange(total), np.arange(count, dtype=np.int32))
    return Data(train, train.take(rng.integers(0, count, prompts)), None, items, "steam")


def nameless(items: int) -> Catalog:
    """Return a catalog of items that nobody reads about."""
    none = [""] * items
    offsets = np.zeros(items + 1, dtype=np.int64)
    return Catalog(none, none, none, none, offsets, np.zeros(0, dtype=np.int32), [])


def ndcg(lists: Recommendations, truth: np.ndarray[Any, Any]) -> float:
    """Return NDCG@20."""
    hits = lists.items == truth[:, None]
    return float((hits / np.log2(np.arange(K) + 2)).sum(axis=1).mean())


def peak() -> float:
    """Return the process's peak memory in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
