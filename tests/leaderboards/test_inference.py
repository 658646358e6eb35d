"""Tests and intervals, beside enumeration, closed forms and scipy."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchkit.contracts.arrays import Float64
from benchkit.leaderboards.inference import (
    RunError,
    Sample,
    holm,
    holm_pairs,
    intervals,
    intervals_of_differences,
    permutation_tests,
    run_error,
    run_errors,
)


def sample(*runs: list[float]) -> Sample:
    return Sample.of({number: np.array(values) for number, values in enumerate(runs)})


def p_of(*samples: Sample) -> Float64:
    return permutation_tests([samples])[0]


def exact(differences: Float64) -> float:
    """Return the p-value over all signs."""
    observed = abs(differences.sum()) - 1e-9
    signs = np.array(list(product((1, -1), repeat=len(differences))))
    return float((np.abs(signs @ differences) >= observed).mean())


def test_permutations_come_to_what_all_signs_give() -> None:
    rng = np.random.default_rng(0)
    rows = [np.round(rng.random(12) * (rng.random(12) < 0.6), 1) + better for better in (0, 0, 0.2)]
    p = p_of(*(sample(row.tolist()) for row in rows))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert p[one, other] == p[other, one]
        assert p[one, other] == pytest.approx(exact(rows[one] - rows[other]), abs=0.02)


def test_permutations_come_to_what_scipy_gives() -> None:
    rng = np.random.default_rng(1)
    one = np.where(rng.random(400) < 0.3, 1 / np.log2(rng.integers(2, 22, 400)), 0)
    other = np.where(rng.random(400) < 0.4, 1 / np.log2(rng.integers(2, 22, 400)), 0)
    scipy = stats.permutation_test(
        (one - other,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=4000,
        rng=np.random.default_rng(2),
    )
    p = p_of(sample(one.tolist()), sample(other.tolist()))[0, 1]
    assert 0.0005 < p < 0.2
    assert p == pytest.approx(scipy.pvalue, rel=0.35)


def test_equal_rows_are_not_told_apart_and_metrics_do_not_disturb_each_other() -> None:
    rng = np.random.default_rng(3)
    one, other = (sample(rng.random(200).tolist()) for _ in range(2))
    assert p_of(one, one).tolist() == [[1, 1], [1, 1]]
    first, second = permutation_tests([[one, other], [other, one, one]])
    assert first[0, 1] == pytest.approx(second[0, 1], abs=1e-3)
    assert permutation_tests([]) == []


def test_a_pair_that_hardly_differs_keeps_its_p_among_rows_that_do() -> None:
    rng = np.random.default_rng(5)
    rows = [(rng.random(30_000) < 0.3).astype(np.float64) for _ in range(4)]
    almost = rows[0].copy()
    almost[np.flatnonzero(almost)[0]] = 0.0
    samples = [Sample.of({0: row}) for row in (rows[0], almost, *rows[1:])]
    assert permutation_tests([samples], permutations=500)[0][0, 1] == 1.0


def test_what_runs_rounded_otherwise_is_no_difference() -> None:
    values = np.random.default_rng(6).random(200)
    thrice, once = Sample.of(dict.fromkeys(range(3), values)), Sample.of({0: values})
    np.testing.assert_array_equal(thrice.by_session, once.by_session)
    assert p_of(thrice, once)[0, 1] == 1.0


def test_seeds_that_differ_by_more_than_rows_do_tell_nothing() -> None:
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.01, (4, 500))
    one = Sample.of({seed: noise[seed] + 0.1 + 0.2 * seed for seed in (0, 1)})
    other = Sample.of({seed: noise[2 + seed] + 0.05 + 0.21 * seed for seed in (0, 1)})
    unpaired = Sample(other.by_session, other.by_run, [5, 6])
    assert p_of(one, other)[0, 1] < 0.2, "the same seeds do the same to both"
    assert p_of(one, unpaired)[0, 1] > 0.5
    alone = Sample(other.by_session, other.by_run[:1], [0])
    assert p_of(Sample(one.by_session, one.by_run[:1], [0]), alone)[0, 1] < 0.001


def test_the_error_over_runs_by_hand() -> None:
    one = Sample(np.zeros(1), np.array([1.0, 2.0, 3.0]), ["a", "b", "c"])
    same = Sample(np.zeros(1), np.array([2.0, 0.5, 1.5]), ["b", "a", "c"])
    paired = run_error(one, same)  # differences .5, 0, 1.5
    assert paired.variance == pytest.approx(np.var([0.5, 0, 1.5], ddof=1) / 3)
    assert paired.freedom == 2
    two = Sample(np.zeros(1), np.array([0.0, 1.0]), ["x", "y"])
    apart = run_error(one, two)
    assert apart.variance == pytest.approx(1 / 3 + 0.5 / 2)
    assert apart.freedom == 1
    assert run_error(sample([1.0]), sample([2.0])).freedom == 0


def test_the_variance_over_runs_is_pooled_but_for_what_is_far_larger() -> None:
    def row(*means: float) -> Sample:
        return Sample(np.zeros(1), np.array(means), list(range(len(means))))

    calm = [row(1.0, 1.1, 1.2), row(1.0, 1.2, 1.1), row(1.1, 1.0, 1.2)]
    own = [run_error(calm[a], calm[b]).variance for a, b in ((0, 1), (0, 2), (1, 2))]
    pooled = run_errors(calm)
    assert [error.freedom for error in pooled] == [4, 4, 4]
    assert [error.variance for error in pooled] == pytest.approx(
        [max(variance, float(np.median(own)) / (8 / 9) ** 3) for variance in own]
    )
    wild = [*calm, *calm, row(1.0, 9.0, 30.0)]
    errors = dict(zip(combinations(range(7), 2), run_errors(wild), strict=True))
    assert errors[0, 1].freedom == 12
    assert errors[0, 6] == run_error(wild[0], wild[6])
    assert run_errors([sample([1.0]), sample([2.0])]) == [RunError(0.0, 0)]


def test_holm_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == [0.03, 0.06, 0.06, 0.02]
    p = np.array([[1, 0.01, 0.2], [0.01, 1, 0.02], [0.2, 0.02, 1]])
    assert holm_pairs(p).round(3).tolist() == [[1, 0.03, 0.2], [0.03, 1, 0.04], [0.2, 0.04, 1]]


@given(st.lists(st.floats(1e-4, 1), min_size=1, max_size=20))
def test_correction_keeps_the_order_and_never_helps(values: list[float]) -> None:
    p = np.array(values)
    corrected = holm(p)
    assert (corrected >= p).all()
    assert (corrected <= 1).all()
    assert (np.diff(corrected[np.argsort(p, kind="stable")]) >= 0).all()


def test_intervals_are_those_of_the_normal_distribution_where_there_are_many_sessions() -> None:
    rng = np.random.default_rng(5)
    values = np.where(rng.random(5000) < 0.1, rng.random(5000), 0)
    error = values.std(ddof=1) / 5000**0.5
    ((low, high),) = intervals([sample(values.tolist())])
    assert [low, high] == pytest.approx(
        [values.mean() - 1.96 * error, values.mean() + 1.96 * error], abs=error / 8
    )


def test_intervals_grow_with_what_runs_differ_by() -> None:
    values = np.linspace(0, 0.1, 1000)
    runs = np.array([-0.05, 0.0, 0.05])
    several = Sample.of({seed: values + shift for seed, shift in enumerate(runs)})
    ((low, high),) = intervals([several])
    # a standard error of .05 / sqrt 3, and next to nothing from sessions
    assert (high - low) / 2 == pytest.approx(1.96 * 0.05 / 3**0.5, rel=0.25)
    low, high = intervals_of_differences([several, sample(values.tolist())])[0, 1]
    t = stats.t.ppf(0.975, 2)
    assert (high - low) / 2 == pytest.approx(t * 0.05 / 3**0.5, rel=0.15)
