"""Whether leaderboards call different what is, and how fast: simulated tables, and scipy beside.

    python benchmarks/significance.py calibration [--tables 2000] [--sessions 1000]
    python benchmarks/significance.py power
    python benchmarks/significance.py speed

- `calibration`: tables of 10 recommenders of equal quality. Sessions differ in difficulty, which
  all rows share; each run of every other row has a seed that makes it better or worse (networks
  have some, neighbours none), and each run an order of equal times that does the same to all rows,
  and a little to each alone. Printed is in how many tables any row
  is called different from the best, by Holm over all pairs (at most 5 % should be), and for
  contrast by the same p-values without the runs' variance, and corrected for pairs with the best
  alone.
- `power`: one of 10 rows is better by a tenth in NDCG@20; in how many tables it is the best and
  told from a row, on average over the others, at Beauty's number of sessions and at ten times it.
- `speed`: 20 rows of 100,000 sessions, 10,000 permutations, beside `scipy.stats.permutation_test`
  of each pair (a few permutations of one pair, scaled), and a table of Beauty's size.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import expit

from benchkit.leaderboards import inference
from benchkit.leaderboards.inference import LEVEL, Sample

ROWS, DEPTH = 10, 20
GAINS = np.concatenate([1 / np.log2(np.arange(2, DEPTH + 2)), [0.0]])
# Standard deviations in log odds: about 4 % of NDCG@20 between seeds, 6 % between orders.
SEED, TIES, TIES_OF_ROW = 0.04, 0.06, 0.02


def simulated(
    rng: np.random.Generator, sessions: int, runs: int, better: float = 1.0
) -> list[Sample]:
    """Return NDCG@20 of rows of equal quality, but that of the first is `better` times as high."""
    difficulty = rng.normal(-3, 1.5, sessions)
    shared = rng.normal(size=sessions)
    ties = rng.normal(0, TIES, runs)
    samples = []
    for row in range(ROWS):
        own = rng.normal(size=sessions)
        seeds = rng.normal(0, SEED, runs) * (row % 2)
        effects = ties + seeds + rng.normal(0, TIES_OF_ROW, runs)
        values = {}
        for run, effect in enumerate(effects):
            noise = 0.6 * shared + 0.7 * own + 0.39 * rng.normal(size=sessions)
            chance = stats.norm.cdf(noise) / expit(difficulty + effect)
            places = np.minimum(chance * DEPTH, DEPTH).astype(np.int64)
            values[run] = GAINS[places] * (better if row == 0 else 1.0)
        samples.append(Sample.of(values))
    return samples


def calibration(tables: int, sessions: int, permutations: int) -> None:
    for runs in (5, 3, 1):
        wrong = {
            "Holm over all pairs": 0,
            "without the runs' variance": 0,
            "pairs with the best": 0,
        }
        for seed in range(tables):
            samples = simulated(np.random.default_rng([runs, seed]), sessions, runs)
            best = int(np.argmax([sample.by_session.mean() for sample in samples]))
            (p,) = inference.permutation_tests([samples], seed, permutations)
            wrong["Holm over all pairs"] += differs(inference.holm_pairs(p)[best])
            others = np.delete(p[best], best)
            wrong["pairs with the best"] += differs(inference.holm(others))
            bare = [replace(s, by_run=s.by_run[:1], keys=s.keys[:1]) for s in samples]
            (p,) = inference.permutation_tests([bare], seed, permutations)
            wrong["without the runs' variance"] += differs(inference.holm_pairs(p)[best])
        for name, count in wrong.items():
            low, high = stats.binomtest(count, tables).proportion_ci()
            print(
                f"{runs} runs, {sessions:,} sessions, {tables:,} tables, {name}: "
                f"{count / tables:.3f} [{low:.3f}, {high:.3f}] call any row different",
                flush=True,
            )


def differs(p: npt.NDArray[np.float64]) -> bool:
    return bool(np.min(p) < LEVEL)


def power(tables: int, permutations: int) -> None:
    for sessions in (4_463, 44_630):
        for runs in (1, 3, 5):
            told = 0.0
            for seed in range(tables):
                rng = np.random.default_rng([runs, sessions, seed])
                samples = simulated(rng, sessions, runs, better=1.1)
                (p,) = inference.permutation_tests([samples], seed, permutations)
                means = [sample.by_session.mean() for sample in samples]
                if np.argmax(means) == 0:
                    told += float((inference.holm_pairs(p)[0, 1:] < LEVEL).mean())
            print(
                f"{sessions:,} sessions, {runs} runs: a tenth is told in {told / tables:.2f}",
                flush=True,
            )


def speed() -> None:
    rng = np.random.default_rng(0)
    large = [row(rng, 100_000, 0.1 + 0.001 * place) for place in range(20)]
    started = time.perf_counter()
    inference.permutation_tests([large])
    ours = time.perf_counter() - started
    difference = large[1].by_session - large[0].by_session
    started = time.perf_counter()
    stats.permutation_test(
        (difference,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=100,
        batch=20,
    )
    theirs = (time.perf_counter() - started) / 100 * 10_000 * 19
    print(f"20 rows of 100,000, 10,000 permutations: {ours:.1f} s, all 190 pairs")
    print(
        f"scipy for the 19 pairs with the best: {theirs:,.0f} s, {theirs / ours:,.0f} times as long"
    )
    beauty = [row(rng, 4_463, 0.08 + 0.001 * place) for place in range(28)]
    started = time.perf_counter()
    inference.permutation_tests([beauty] * 6)
    print(f"28 rows of 4,463, six metrics: {time.perf_counter() - started:.2f} s")


def row(rng: np.random.Generator, sessions: int, hits: float) -> Sample:
    places = np.where(rng.random(sessions) < hits, rng.integers(0, DEPTH, sessions), DEPTH)
    return Sample.of({0: GAINS[places]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("calibration", "power", "speed"))
    parser.add_argument("--tables", type=int, default=2_000)
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--permutations", type=int, default=2_000)
    args = parser.parse_args()
    if args.what == "calibration":
        calibration(args.tables, args.sessions, args.permutations)
    elif args.what == "power":
        power(min(args.tables, 200), args.permutations)
    else:
        speed()


if __name__ == "__main__":
    main()
