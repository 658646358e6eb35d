"""What holds for any lists: bounds, order of prompts, growth with k, relations among metrics."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchkit import Catalog, Metric
from benchkit.contracts.arrays import Int32
from benchkit.evaluation.measure import Measured, measure
from benchkit_plugins.metrics import (
    average_popularity,
    coverage,
    diversity,
    gini,
    hr,
    mrr,
    ndcg,
    novelty,
    serendipity,
)

FILES = (ndcg, hr, mrr, coverage, serendipity, novelty, diversity, gini, average_popularity)
METRICS: dict[str, Metric] = {
    metric.name: metric() for file in FILES for metric in file.benchkit_metrics()
}
ITEMS = 9
CUTOFFS = [1, 2, 4, 7]
COUNTS = np.array([5, 1, 0, 9, 1, 2, 2, 30, 1])
NONE = [""] * ITEMS
CATALOG = Catalog(
    NONE, NONE, NONE, NONE, np.arange(ITEMS + 1), np.arange(ITEMS, dtype=np.int32) % 3, list("abc")
)
Case = tuple[Int32, Int32]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw lists, with repeats and gaps, and truths."""
    prompts, depth = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    items = rng.integers(-1, ITEMS, (prompts, depth)).astype(np.int32)
    return items, rng.integers(-1, ITEMS, prompts).astype(np.int32)


def run(items: Int32, truth: Int32) -> Measured:
    return measure(items, truth, COUNTS, CATALOG, CUTOFFS, METRICS)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_bounds(case: Case) -> None:
    measured = run(*case)
    assert set(measured.failed) <= {f"gini@{k}" for k in CUTOFFS}
    for key, summary in measured.summaries.items():
        low, high = METRICS[key.partition("@")[0]].bounds
        assert low <= summary <= high


@settings(max_examples=60, deadline=None)
@given(cases())
def test_the_order_of_prompts_does_not_matter(case: Case) -> None:
    items, truth = case
    order = np.random.default_rng(len(truth)).permutation(len(truth))
    one, other = run(items, truth), run(items[order], truth[order])
    for key, summary in one.summaries.items():
        assert np.isclose(other.summaries[key], summary)
    for key, values in one.values.items():
        assert np.allclose(other.values[key], values[order])


@settings(max_examples=60, deadline=None)
@given(cases())
def test_relations_for_every_prompt(case: Case) -> None:
    values = run(*case).values
    for k in CUTOFFS:
        assert (values[f"ndcg@{k}"] <= values[f"hr@{k}"]).all()
        assert (values[f"mrr@{k}"] <= values[f"ndcg@{k}"]).all()
        assert (values[f"serendipity@{k}"] <= values[f"hr@{k}"]).all()


@settings(max_examples=60, deadline=None)
@given(cases())
def test_longer_lists_find_no_less(case: Case) -> None:
    measured = run(*case)
    for name in ("ndcg", "hr", "mrr", "coverage"):
        found = [measured.summaries[f"{name}@{k}"] for k in CUTOFFS]
        assert found == sorted(found)
