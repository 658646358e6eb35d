"""The paper's six metrics against numbers worked by hand (7.1.2)."""

from __future__ import annotations

import numpy as np
import pytest

from benchkit import Catalog, Metric
from benchkit.evaluation.measure import Measured, measure
from benchkit_plugins.metrics.coverage import Coverage
from benchkit_plugins.metrics.hr import HitRate
from benchkit_plugins.metrics.mrr import MRR
from benchkit_plugins.metrics.ndcg import NDCG
from benchkit_plugins.metrics.novelty import Novelty
from benchkit_plugins.metrics.serendipity import Serendipity

SIX: dict[str, Metric] = {
    "ndcg": NDCG(),
    "hr": HitRate(),
    "mrr": MRR(),
    "coverage": Coverage(),
    "serendipity": Serendipity(),
    "novelty": Novelty(),
}
# 16 interactions with 8 items: item 0 has half of them, item 1 a quarter; item 7 has none.
COUNTS = [8, 4, 1, 1, 1, 1, 0, 0]


def catalog(items: int) -> Catalog:
    none = [""] * items
    offsets = np.zeros(items + 1, dtype=np.int64)
    return Catalog(none, none, none, none, offsets, np.zeros(0, dtype=np.int32), [])


def run(
    lists: list[list[int]], truth: list[int], cutoffs: list[int], counts: list[int] | None = None
) -> Measured:
    found = counts if counts is not None else COUNTS
    measured = measure(
        np.array(lists, dtype=np.int32).reshape(len(truth), -1),
        np.array(truth, dtype=np.int32),
        np.array(found, dtype=np.int64),
        catalog(len(found)),
        cutoffs,
        SIX,
    )
    assert not measured.failed
    return measured


def test_rank_metrics_by_hand() -> None:
    # Ranks of the truth: 1, 3, 2, and none.
    measured = run([[0, 1, 2], [2, 3, 4], [1, 5, 0], [0, 1, 2]], [0, 4, 5, 6], [1, 2, 3])
    s = measured.summaries
    assert s["hr@1"] == 1 / 4
    assert s["hr@2"] == 2 / 4
    assert s["hr@3"] == 3 / 4
    assert s["mrr@1"] == 1 / 4
    assert s["mrr@3"] == pytest.approx((1 + 1 / 3 + 1 / 2) / 4)
    # 1/log2(2) = 1, 1/log2(3) = 0.63093 at rank 2, 1/log2(4) = 0.5 at rank 3.
    assert s["ndcg@2"] == pytest.approx((1 + 0.6309297535714575) / 4)
    assert s["ndcg@3"] == pytest.approx((1 + 0.6309297535714575 + 0.5) / 4)
    assert measured.values["mrr@3"].tolist() == pytest.approx([1, 1 / 3, 1 / 2, 0])


def test_coverage_counts_the_whole_catalog() -> None:
    # At 1: items 0, 2; at 2: 0, 1, 2, 3; at 3 also 4. The catalog has 8.
    s = run([[0, 1, 2], [2, 3, 4], [0, 1, 2]], [0, 0, 0], [1, 2, 3]).summaries
    assert (s["coverage@1"], s["coverage@2"], s["coverage@3"]) == (2 / 8, 4 / 8, 5 / 8)


def test_serendipity_leaves_out_the_k_most_frequent_items() -> None:
    # All three truths are hit at 2. The two most frequent items are 0 and 1, so only item 2
    # counts; at 1, the first list hits item 0, the most frequent, and the second item 1.
    s = run([[0, 1], [1, 0], [2, 0]], [0, 1, 2], [1, 2]).summaries
    assert s["serendipity@2"] == pytest.approx(1 / 3)
    assert s["serendipity@1"] == pytest.approx(2 / 3)


def test_serendipity_breaks_ties_in_frequency_by_code() -> None:
    # Items 2 to 5 occur once each: the three most frequent are 0, 1 and 2.
    s = run([[2, 3, 4], [2, 3, 4]], [2, 3], [3]).summaries
    assert s["serendipity@3"] == 1 / 2


def test_novelty_by_hand() -> None:
    # -log2(8/16) = 1, -log2(4/16) = 2, -log2(1/16) = 4. Lists at 2: (1+2)/2 and (4+1)/2; at 3
    # the second list has but two items: (1+2+4)/3 and (4+1)/2.
    measured = run([[0, 1, 2], [3, 0, -1]], [7, 7], [2, 3])
    assert measured.values["novelty@2"].tolist() == pytest.approx([1.5, 2.5])
    assert measured.values["novelty@3"].tolist() == pytest.approx([7 / 3, 2.5])
    assert measured.summaries["novelty@2"] == pytest.approx(2.0)


def test_novelty_takes_an_unseen_item_to_occur_once() -> None:
    # Item 7 has no interactions: -log2(1/16) = 4.
    assert run([[7]], [0], [1]).summaries["novelty@1"] == pytest.approx(4.0)


def test_cutoffs_in_any_order_give_the_same() -> None:
    lists = [[0, 1, 2], [3, 0, -1]]
    up, down = run(lists, [2, 0], [1, 2, 3]), run(lists, [2, 0], [3, 2, 1])
    assert up.summaries == down.summaries


def test_empty_lists_are_misses_and_stay_in_the_mean() -> None:
    s = run([[0, 1], [-1, -1]], [0, 0], [2]).summaries
    assert (s["ndcg@2"], s["hr@2"], s["mrr@2"]) == (0.5, 0.5, 0.5)
    assert s["novelty@2"] == pytest.approx((1.5 + 0) / 2)


def test_nobody_hits_a_missing_truth() -> None:
    s = run([[0, -1], [-1, -1]], [-1, -1], [2]).summaries
    assert s["hr@2"] == s["ndcg@2"] == s["mrr@2"] == s["serendipity@2"] == 0


def test_cutoffs_beyond_the_lists() -> None:
    s = run([[0, 1], [2, 1]], [1, 5], [2, 50]).summaries
    for name in ("ndcg", "hr", "mrr", "coverage", "novelty"):
        assert s[f"{name}@50"] == s[f"{name}@2"]
    assert s["serendipity@50"] == 0  # every item is among the 50 most frequent


@pytest.mark.parametrize("depth", [0, 3])
def test_no_prompts(depth: int) -> None:
    measured = measure(
        np.zeros((0, depth), dtype=np.int32),
        np.zeros(0, dtype=np.int32),
        np.array(COUNTS),
        catalog(8),
        [10],
        SIX,
    )
    assert not measured.failed
    assert set(measured.summaries.values()) == {0.0}
    assert measured.values["ndcg@10"].shape == (0,)


def test_lists_without_any_place() -> None:
    measured = run([[], []], [0, 1], [5])
    assert set(measured.summaries.values()) == {0.0}


def test_more_places_than_a_byte_counts() -> None:
    lists = np.arange(400, dtype=np.int32)[None, :].tolist()
    s = run(lists, [300], [300, 301], counts=[1] * 400).summaries
    assert s["hr@300"] == 0
    assert s["mrr@301"] == pytest.approx(1 / 301)
    assert s["coverage@301"] == pytest.approx(301 / 400)


@pytest.mark.parametrize("metric", SIX.values(), ids=list(SIX))
def test_every_metric_declares_itself(metric: Metric) -> None:
    assert metric.source == "paper 7.1.2"
    assert metric.higher_is_better
    assert metric.formula
    assert not metric.ours
