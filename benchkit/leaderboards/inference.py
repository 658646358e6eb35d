"""What can be told apart: paired permutation tests, Holm's correction, two-level bootstrap.

The unit is the session. Each row of a table has one value a session, the mean over its runs, and
all rows have the same sessions. A permutation exchanges two rows in a random half of the sessions,
which flips the sign of their difference there (Fisher 1935; for rankings Smucker, Allan and
Carterette, CIKM 2007). What another seed or another order of equal times would change does not show
in sessions: it is added to each permutation as Student's t, with the standard error of the runs and
the degrees of freedom behind it (as Behrens and Fisher do). The best row is found in the same data,
so the correction is for all pairs of a table, not for those with the best alone (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, factorial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchkit.contracts.arrays import Float64

LEVEL = 0.05
PERMUTATIONS = 10_000
RESAMPLES = 2_000
_MOST_PERMUTATIONS = 200_000
# Holm's first step must be within reach: a pair that no permutation exceeds comes to 1 / 30.
_PERMUTATIONS_A_PAIR = 30
_CHUNK = 1 << 24  # random numbers at a time: 64 MiB
_ROUNDING = 1e-5  # of a sum in float32 with random signs, against the root of the sum of squares
_DIGITS = 12  # after the point; what a mean over runs has beyond them depends on their order
Float32 = npt.NDArray[np.float32]
_Key = TypeVar("_Key", bound=Hashable)
# The eight signs that a random byte stands for, and the weights that two bytes do: Poisson(1).
_SIGNS = 1 - 2 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32)
_POISSON = np.cumsum([exp(-1) / factorial(k) for k in range(12)])
_WEIGHTS = np.searchsorted(_POISSON, (np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Sample:
    """One metric of one row.

    Attributes:
        by_session: means over the runs, ``float64[sessions]``.
        by_run: means over the sessions, ``float64[runs]``.
        keys: what each run is: its order of equal times and its seed.
    """

    by_session: Float64
    by_run: Float64
    keys: Sequence[Hashable]

    @classmethod
    def of(cls, runs: Mapping[_Key, Float64]) -> Sample:
        """Return the sample of some runs' values, ``float64[sessions]`` each."""
        by_session: Float64 = np.mean(list(runs.values()), axis=0)
        by_run = np.array([values.mean() for values in runs.values()])
        return cls(by_session.round(_DIGITS), by_run, list(runs))


@dataclass(frozen=True)
class RunError:
    """What a difference in means owes to which seeds and orders of equal times were run.

    Attributes:
        variance: of the difference; 0 where nothing has two runs.
        freedom: degrees of freedom of that estimate, 0 without one.
    """

    variance: float
    freedom: int


def run_error(one: Sample, other: Sample) -> RunError:
    """Return the error of a difference over runs: paired where both rows have the same runs.

    An order of equal times does to both rows much the same, which pairing takes out.
    """
    if set(one.keys) == set(other.keys):
        order = [list(other.keys).index(key) for key in one.keys]
        parts = [one.by_run - other.by_run[order]]
    else:
        parts = [one.by_run, other.by_run]
    parts = [part for part in parts if len(part) > 1]
    variance = sum(float(part.var(ddof=1)) / len(part) for part in parts)
    return RunError(variance, min((len(part) - 1 for part in parts), default=0))


def run_errors(samples: Sequence[Sample]) -> list[RunError]:
    """Return the error over runs of each pair of rows, in the order of `combinations`.

    Few runs tell little of their own variance, so each pair has the table's: the median over
    pairs, which one wild row does not move. A pair whose own variance is larger has its own, and if
    it is larger than chance explains (an F test at .01), its own few degrees of freedom, too. What
    a row with one run owes to it is not known, and left out.
    """
    own = [run_error(*pair) for pair in combinations(samples, 2)]
    shares = [1 / len(sample.by_run) if len(sample.by_run) > 1 else 0.0 for sample in samples]
    sizes = [a + b for a, b in combinations(shares, 2)]
    # the median of an estimate of few degrees of freedom is below its mean (Wilson and Hilferty)
    measured = [
        error.variance / size / (1 - 2 / (9 * error.freedom)) ** 3
        for error, size in zip(own, sizes, strict=True)
        if error.freedom
    ]
    if len(measured) < 2:
        return own
    from scipy.special import fdtri

    runs = [len(sample.by_run) - 1 for sample in samples]
    pooled = float(np.median(measured))
    freedom = max(sum(runs) - max(runs), *(error.freedom for error in own))
    errors = []
    for error, size in zip(own, sizes, strict=True):
        shared = pooled * size
        if error.variance > shared * fdtri(max(error.freedom, 1), freedom, 0.99):
            errors.append(error)
        else:
            errors.append(RunError(max(error.variance, shared), freedom if size else 0))
    return errors


def permutation_tests(
    metrics: Sequence[Sequence[Sample]], seed: int = 0, permutations: int = PERMUTATIONS
) -> list[Float64]:
    """Return the p-value of each pair's difference in means, two-sided and uncorrected.

    Args:
        metrics: the samples of each metric's rows, all of them on the same sessions.
        seed: of the permutations.
        permutations: how many at least; there are more where many pairs need smaller p-values.

    Returns:
        A symmetric ``float64[rows, rows]`` a metric, 1 on the diagonal.
    """
    tests = [_Pairs(samples) for samples in metrics]
    pairs = max((len(test.pairs) for test in tests), default=0)
    count = min(max(permutations, _PERMUTATIONS_A_PAIR * pairs), _MOST_PERMUTATIONS)
    if not pairs:
        return [test.p(count) for test in tests]
    values = np.hstack([test.centred for test in tests])  # [S, R of all metrics]
    ends = np.cumsum([test.centred.shape[1] for test in tests])
    active = values.any(axis=1)  # where all rows are equal nothing flips
    rng = np.random.default_rng(seed)
    for sums in _flipped(values[active].astype(np.float32), count, rng):
        for test, part in zip(tests, np.split(sums, ends[:-1], axis=1), strict=True):
            test.count(part, rng)
    return [test.p(count) for test in tests]


class _Pairs:
    """The pairs of one metric's rows, and how often a permutation's difference exceeded theirs."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.pairs = list(combinations(range(len(samples)), 2))
        values = np.stack([sample.by_session for sample in samples], axis=1)  # [S, R]
        self.centred = values - values.mean(axis=1, keepdims=True)
        sums = self.centred.sum(axis=0)
        # A pair that hardly differs has the errors of sums that are far larger than its difference.
        errors = _ROUNDING * np.linalg.norm(self.centred, axis=0)
        self._limits = [abs(sums[a] - sums[b]) - errors[a] - errors[b] for a, b in self.pairs]
        self._errors = run_errors(samples)
        self._exceeding = np.zeros(len(self.pairs), dtype=np.int64)

    def count(self, sums: Float32, rng: np.random.Generator) -> None:
        """Count those of some permutations, given the rows' sums, ``float32[permutations, R]``."""
        freedoms = sorted({error.freedom for error in self._errors} - {0})
        scale = len(self.centred)
        draws = {freedom: scale * rng.standard_t(freedom, len(sums)) for freedom in freedoms}
        columns = np.ascontiguousarray(sums.T)
        for place, ((a, b), error) in enumerate(zip(self.pairs, self._errors, strict=True)):
            difference = columns[a] - columns[b]
            if error.variance:
                difference = difference + error.variance**0.5 * draws[error.freedom]
            exceeding = np.abs(difference) >= self._limits[place]
            self._exceeding[place] += np.count_nonzero(exceeding)

    def p(self, count: int) -> Float64:
        """Return the matrix of p-values after so many permutations."""
        rows = self.centred.shape[1]
        p = np.ones((rows, rows))
        for (a, b), number in zip(self.pairs, self._exceeding, strict=True):
            p[a, b] = p[b, a] = (number + 1) / (count + 1)
        return p


def _flipped(values: Float32, count: int, rng: np.random.Generator) -> Iterator[Float32]:
    """Yield sums over sessions whose signs are random, and the same for all columns."""
    padded = np.pad(values, ((0, -len(values) % 8), (0, 0)))
    octets = len(padded) // 8
    step = max(1, _CHUNK // max(len(padded), 1))
    for start in range(0, count, step):
        size = min(step, count - start)
        drawn = np.frombuffer(rng.bytes(size * octets), np.uint8)
        yield _SIGNS.take(drawn, axis=0).reshape(size, len(padded)) @ padded


def holm(p: Float64) -> Float64:
    """Return p-values corrected by Holm's step-down method, in the order given.

    Args:
        p: uncorrected, ``float64[tests]``.
    """
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    steps = p[order] * np.arange(len(p), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def holm_pairs(p: Float64) -> Float64:
    """Return a matrix of p-values corrected for all its pairs, ``float64[rows, rows]``."""
    corrected = np.ones_like(p)
    upper = np.triu_indices(len(p), 1)
    corrected[upper] = holm(p[upper])
    return np.minimum(corrected, corrected.T)


def intervals(samples: Sequence[Sample], seed: int = 0) -> Float64:
    """Return 95 % intervals of means, by bootstrap over sessions and over runs.

    Args:
        samples: of rows on the same sessions.
        seed: of the resamples.

    Returns:
        Low and high ends, ``float64[rows, 2]``.
    """
    return ends(resampled_means(samples, seed))


def resampled_means(samples: Sequence[Sample], seed: int = 0) -> Float64:
    """Return means over sessions and runs drawn with replacement, ``float64[resamples, rows]``.

    All rows are given the same sessions; each draws runs of its own.
    """
    rng = np.random.default_rng(seed)
    values = np.stack([sample.by_session for sample in samples], axis=1)  # [S, R]
    means = _resampled(values, rng)
    for row, sample in enumerate(samples):
        means[:, row] += _resampled_runs(sample.by_run, rng)
    return means


def intervals_of_differences(samples: Sequence[Sample], seed: int = 0) -> Float64:
    """Return 95 % intervals of all pairs' differences, from resamples that the pairs share.

    Args:
        samples: of rows on the same sessions.
        seed: of the resamples.

    Returns:
        Low and high ends of row less column, ``float64[rows, rows, 2]``; 0 on the diagonal.
    """
    rng = np.random.default_rng(seed)
    means = _resampled(np.stack([sample.by_session for sample in samples], axis=1), rng)
    matrix = np.zeros((len(samples), len(samples), 2))
    pairs = combinations(range(len(samples)), 2)
    for (a, b), error in zip(pairs, run_errors(samples), strict=True):
        differences = means[:, a] - means[:, b]
        if error.variance:
            differences += error.variance**0.5 * rng.standard_t(error.freedom, len(means))
        matrix[a, b] = ends(differences)
        matrix[b, a] = -matrix[a, b, ::-1]
    return matrix


def _resampled(values: Float64, rng: np.random.Generator) -> Float64:
    """Return means over sessions drawn with replacement, ``float64[resamples, R]``.

    How often a session is drawn is Poisson distributed (Chamandy et al. 2012), which needs no
    index; means are over as many as were drawn.
    """
    active = values[values.any(axis=1)].astype(np.float32)
    step = max(1, _CHUNK // max(len(active), 1))
    means = [np.empty((0, values.shape[1]))]
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        drawn = np.frombuffer(rng.bytes(2 * size * len(active)), np.uint16)
        weights = _WEIGHTS.take(drawn).reshape(size, len(active))
        total = weights.sum(axis=1) + rng.poisson(len(values) - len(active), size)
        means.append((weights @ active) / np.maximum(total, 1)[:, None])
    return np.concatenate(means)


def _resampled_runs(means: Float64, rng: np.random.Generator) -> Float64 | float:
    """Return how far means over runs drawn with replacement lie from that over all.

    Resamples of few runs vary too little, by the factor that the root undoes.
    """
    runs = len(means)
    if runs < 2:
        return 0.0
    drawn = means[rng.integers(0, runs, (RESAMPLES, runs))].mean(axis=1)
    deviations: Float64 = (drawn - means.mean()) * (runs / (runs - 1)) ** 0.5
    return deviations


def ends(resamples: Float64) -> Float64:
    """Return the ends of 95 % intervals, ``float64[..., 2]``, from resamples on the first axis."""
    return np.moveaxis(np.quantile(resamples, (LEVEL / 2, 1 - LEVEL / 2), axis=0), 0, -1)
