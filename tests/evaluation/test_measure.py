"""The measuring stage: de-duplication, gaps, failing metrics, foreign lists."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchkit import Catalog, DataError, Metric, RankedLists
from benchkit.contracts.arrays import Float64, Int32
from benchkit.evaluation.measure import Measured, measure, ranked_lists
from benchkit.toolkit.arrays import distinct


class Hits(Metric):
    """Whether the truth is in the list."""

    name, higher_is_better, bounds, formula = "hits", True, (0.0, 1.0), "[hit]"

    def values(self, lists: RankedLists, k: int) -> Float64 | None:
        return lists.by_rank(np.ones(k))


class Raises(Hits):
    def values(self, lists: RankedLists, k: int) -> Float64 | None:
        if k > 1:
            raise RuntimeError("no values\nbeyond one")
        return super().values(lists, k)


class Nothing(Hits):
    def values(self, lists: RankedLists, k: int) -> Float64 | None:
        return None


class NotFinite(Hits):
    def values(self, lists: RankedLists, k: int) -> Float64 | None:
        return np.full(len(lists.truth), np.nan)


class Outside(Hits):
    def summary(self, lists: RankedLists, k: int, values: Float64 | None) -> float:
        return 5.0


class Leaves(Hits):
    def values(self, lists: RankedLists, k: int) -> Float64 | None:
        sys.exit(0)


class OfSome(Hits):
    def values(self, lists: RankedLists, k: int) -> Float64 | None:
        return np.array([0.5, np.nan])

    def summary(self, lists: RankedLists, k: int, values: Float64 | None) -> float:
        return 0.5


class TooFew(Hits):
    def values(self, lists: RankedLists, k: int) -> Float64 | None:
        return np.zeros(1)


class Scribbles(Hits):
    def values(self, lists: RankedLists, k: int) -> Float64 | None:
        lists.items[:] = 0
        return np.zeros(len(lists.truth))


def run(lists: object, truth: object, metrics: dict[str, Metric], items: int = 9) -> Measured:
    return measure(
        np.array(lists, dtype=np.int32),
        np.array(truth, dtype=np.int32),
        np.ones(items, dtype=np.int64),
        catalog(items),
        [1, 2],
        metrics,
    )


def catalog(items: int) -> Catalog:
    none = [""] * items
    offsets = np.zeros(items + 1, dtype=np.int64)
    return Catalog(none, none, none, none, offsets, np.zeros(0, dtype=np.int32), [])


def by_hand(row: list[int]) -> list[int]:
    kept = list(dict.fromkeys(code for code in row if code >= 0))
    return kept + [-1] * (len(row) - len(kept))


def test_duplicates_go_before_the_cut() -> None:
    # Cut first, [3, 3 | 5] would miss item 5 at 2.
    assert run([[3, 3, 5]], [5], {"hits": Hits()}).summaries == {"hits@1": 0, "hits@2": 1}


def test_gaps_are_closed() -> None:
    assert run([[-1, -1, 5]], [5], {"hits": Hits()}).summaries["hits@1"] == 1


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 8).flatmap(
        lambda depth: st.lists(
            st.lists(st.integers(-1, 7), min_size=depth, max_size=depth), min_size=1, max_size=9
        )
    )
)
def test_distinct_keeps_first_occurrences(rows: list[list[int]]) -> None:
    items = np.array(rows, dtype=np.int32)
    before = items.copy()
    assert distinct(items).tolist() == [by_hand(row) for row in rows]
    assert (items == before).all()


def test_distinct_over_many_blocks_and_large_codes() -> None:
    # 65,536 and 0 have the same last 16 bits; 65,535 has those of -1.
    rng = np.random.default_rng(0)
    codes = np.array([0, 65_536, 131_072, 65_535, 1, 65_537, -1])
    items = codes[rng.integers(0, len(codes), (40_000, 5))].astype(np.int32)
    found = distinct(items)
    for row in range(0, len(items), 97):
        assert found[row].tolist() == by_hand(items[row].tolist())


def test_distinct_of_wider_integers() -> None:
    assert distinct(np.array([[4, 4, 2]])).tolist() == [[4, 2, -1]]


def test_a_failing_metric_is_noted_and_the_rest_goes_on() -> None:
    metrics: dict[str, Metric] = {"raises": Raises(), "hits": Hits()}
    measured = run([[1, 2], [3, 4]], [1, 4], metrics)
    assert measured.failed == {"raises@2": "RuntimeError: no values beyond one"}
    assert measured.summaries == {"raises@1": 0.5, "hits@1": 0.5, "hits@2": 1.0}
    assert "raises@2" not in measured.values


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (Nothing(), "neither values nor a summary"),
        (NotFinite(), "nan"),
        (TooFew(), "2 prompts"),
        (Scribbles(), "read-only"),
        (Outside(), "5 is outside its bounds, 0 to 1"),
        (Leaves(), "SystemExit: 0"),
    ],
)
def test_what_is_no_number_is_a_failure(metric: Metric, reason: str) -> None:
    measured = run([[1, 2], [3, 4]], [1, 4], {"odd": metric})
    assert reason in measured.failed["odd@1"]
    assert not measured.summaries
    assert not measured.values


def test_values_of_some_prompts_alone_are_not_kept() -> None:
    measured = run([[1, 2], [3, 4]], [1, 4], {"some": OfSome()})
    assert (measured.summaries, measured.values) == ({"some@1": 0.5, "some@2": 0.5}, {})


@pytest.mark.parametrize(
    ("lists", "truth"),
    [([[1, 2]], [1, 2]), ([1, 2], [1, 2]), ([[1, 9]], [1]), ([[1, -2]], [1]), ([[1, 2]], [9])],
)
def test_lists_that_do_not_fit_are_refused(lists: object, truth: object) -> None:
    with pytest.raises(DataError, match=r"prompts|codes"):
        run(lists, truth, {"hits": Hits()})


def test_lists_are_laid_out_by_place() -> None:
    items: Int32 = np.array([[1, 2], [3, 4], [5, -1]], dtype=np.int32)
    truth = np.array([2, 3, -1], dtype=np.int32)
    lists = ranked_lists(items, truth, np.ones(9, dtype=np.int64), catalog(9))
    assert lists.items.T.flags.c_contiguous
    assert lists.ranks.tolist() == [2, 1, 0]
    assert lists.lengths.tolist() == [2, 2, 1]
    assert lists.first_places.tolist() == [2, 0, 1, 0, 1, 0, 2, 2, 2]
