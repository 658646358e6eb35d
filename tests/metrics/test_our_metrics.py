"""Diversity, Gini index and average popularity against numbers worked by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchkit import Catalog, Metric
from benchkit.evaluation.measure import Measured, measure
from benchkit_plugins.metrics.average_popularity import AveragePopularity
from benchkit_plugins.metrics.diversity import Diversity
from benchkit_plugins.metrics.gini import Gini

OURS: dict[str, Metric] = {
    "diversity": Diversity(),
    "gini": Gini(),
    "average-popularity": AveragePopularity(),
}
# Items 0 and 1 are alike, 2 shares one of three attributes with them, 3 none, 4 has none at all.
ATTRIBUTES = [[0, 1], [1, 0, 1], [1, 2], [3], []]
COUNTS = [8, 4, 2, 1, 0]


def run(lists: list[list[int]], cutoffs: list[int], attributes: list[list[int]]) -> Measured:
    none = [""] * len(attributes)
    offsets = np.cumsum([0, *map(len, attributes)], dtype=np.int64)
    codes = np.array(list(itertools.chain(*attributes)), dtype=np.int32)
    catalog = Catalog(none, none, none, none, offsets, codes, list("abcd"))
    items = np.array(lists, dtype=np.int32)
    truth = np.full(len(lists), -1, dtype=np.int32)
    return measure(items, truth, np.array(COUNTS), catalog, cutoffs, OURS)


def test_diversity_by_hand() -> None:
    # Jaccard: 0-1 is 1 (the repeated attribute counts once), 0-2 and 1-2 are 1/3, with 3 it is 0.
    measured = run([[0, 1, 2], [0, 3, 2], [0, 2, -1]], [2, 3], ATTRIBUTES)
    assert measured.values["diversity@2"].tolist() == pytest.approx([0, 1, 2 / 3])
    # First list: distances 0, 2/3, 2/3; second: 1, 2/3, 1; the third is shorter.
    assert measured.values["diversity@3"].tolist() == pytest.approx([4 / 9, 8 / 9, 2 / 3])


def test_diversity_leaves_out_items_without_attributes() -> None:
    # With 4 the pairs say nothing: 0-2 alone remains; 4 and 3 leave no pair; nor does one item.
    measured = run([[0, 4, 2], [4, 3, -1], [0, -1, -1], [-1, -1, -1]], [3], ATTRIBUTES)
    assert measured.values["diversity@3"].tolist() == pytest.approx([2 / 3, 0, 0, 0])


def test_diversity_of_a_catalog_without_attributes_is_not_computed() -> None:
    measured = run([[0, 1, 2]], [3], [[], [], [], [], []])
    assert "diversity@3" not in measured.summaries
    assert "attributes" in measured.failed["diversity@3"]
    assert "gini@3" in measured.summaries


def test_diversity_of_many_lists_equals_that_of_each() -> None:
    rng = np.random.default_rng(0)
    lists = rng.permuted(np.tile(np.arange(5), (2500, 1)), axis=1)[:, :4]
    measured = run(lists.tolist(), [4], ATTRIBUTES)
    sets = [set(row) for row in ATTRIBUTES]
    for row in (0, 1023, 1024, 2499):
        pairs = itertools.combinations([sets[item] for item in lists[row] if sets[item]], 2)
        expected = np.mean([1 - len(a & b) / len(a | b) for a, b in pairs])
        assert measured.values["diversity@4"][row] == pytest.approx(expected)


def test_gini_by_hand() -> None:
    # At 1, exposures 0 0 0 1 1: (2*4-6 + 2*5-6) / (5*2) = 6/10.
    # At 2, exposures 0 0 1 1 2: (0*1 + 2*1 + 4*2) / (5*4) = 10/20.
    s = run([[0, 1], [2, 0]], [1, 2], ATTRIBUTES).summaries
    assert s["gini@1"] == pytest.approx(0.6)
    assert s["gini@2"] == pytest.approx(0.5)


def test_gini_extremes() -> None:
    even = run([[0], [1], [2], [3], [4]], [1], ATTRIBUTES).summaries["gini@1"]
    one = run([[0], [0], [0]], [1], ATTRIBUTES).summaries["gini@1"]
    assert even == pytest.approx(0)
    assert one == pytest.approx(4 / 5)  # (n - 1) / n


def test_gini_of_no_recommendations_is_not_computed() -> None:
    measured = run([[-1, -1]], [2], ATTRIBUTES)
    assert "nothing is recommended" in measured.failed["gini@2"]


def test_average_popularity_by_hand() -> None:
    # (8+4)/2 = 6, the short list 2/1, the empty one 0; an item that nobody met counts 0.
    measured = run([[0, 1], [2, -1], [-1, -1], [4, 3]], [2], ATTRIBUTES)
    assert measured.values["average-popularity@2"].tolist() == pytest.approx([6, 2, 0, 0.5])
    assert measured.summaries["average-popularity@2"] == pytest.approx(8.5 / 4)


@pytest.mark.parametrize("metric", OURS.values(), ids=list(OURS))
def test_every_metric_declares_itself(metric: Metric) -> None:
    assert metric.ours
    assert metric.formula
    assert metric.source
