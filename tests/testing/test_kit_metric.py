"""Every check of metrics fails on a metric that breaks just that promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchkit import Metric, RankedLists
from benchkit.testing import MetricConformance
from tests.testing.right import HitRate
from tests.testing.trials import checks, must_fail, own_checks, try_check


class NoDirection(Metric):
    """Says nothing."""

    name = "no-direction"

    def values(self, lists: RankedLists, k: int) -> None:
        return None


class OddDirection(HitRate):
    higher_is_better = "up"  # type: ignore[assignment]


class BoundsReversed(HitRate):
    bounds = (1.0, 0.0)


class NoFormula(HitRate):
    formula = ""


class SinglePrecision(HitRate):
    def values(self, lists: RankedLists, k: int) -> Any:
        return super().values(lists, k).astype(np.float32)


class OnlyHits(HitRate):
    def values(self, lists: RankedLists, k: int) -> Any:
        values = super().values(lists, k)
        return values[values > 0]


class EmptyListsAreNaN(HitRate):
    def values(self, lists: RankedLists, k: int) -> Any:
        return np.where(lists.items[:, 0] < 0, np.nan, super().values(lists, k))


class Percent(HitRate):
    def values(self, lists: RankedLists, k: int) -> Any:
        return 100 * super().values(lists, k)


class NumpySummary(HitRate):
    def summary(self, lists: RankedLists, k: int, values: Any) -> Any:
        return np.float32(values.mean())


class NaNWithoutPrompts(HitRate):
    def summary(self, lists: RankedLists, k: int, values: Any) -> float:
        return float(values.sum() / np.float64(len(values))) if len(values) else float("nan")


class NeedsPrompts(HitRate):
    def values(self, lists: RankedLists, k: int) -> Any:
        lists.items.max()
        return super().values(lists, k)


class PaddingHits(HitRate):
    def values(self, lists: RankedLists, k: int) -> Any:
        return (lists.items[:, :k] == lists.truth[:, None]).any(axis=1).astype(np.float64)


class EarlyPromptsWeighMore(HitRate):
    def summary(self, lists: RankedLists, k: int, values: Any) -> float:
        return float(np.average(values, weights=1 / np.arange(1, len(values) + 1)))


class NumberOfPrompt(HitRate):
    def values(self, lists: RankedLists, k: int) -> Any:
        return np.arange(len(lists.truth)) / len(lists.truth)


class IgnoresCutoff(HitRate):
    def values(self, lists: RankedLists, k: int) -> Any:
        return (lists.ranks > 0).astype(np.float64)


class GainsOfAnother(HitRate):
    def gains(self, k: int) -> Any:
        return 1 / np.arange(1, k + 1)


class SortsLists(HitRate):
    def values(self, lists: RankedLists, k: int) -> Any:
        lists.items.sort(axis=1)
        return super().values(lists, k)


class Refuses(HitRate):
    def summary(self, lists: RankedLists, k: int, values: Any) -> float:
        raise ValueError("undefined")


class UndefinedWithoutItems(HitRate):
    def summary(self, lists: RankedLists, k: int, values: Any) -> float:
        if not (lists.items >= 0).any():
            raise ValueError("nothing is recommended")
        return super().summary(lists, k, values)


WRONG: list[tuple[type[Metric], str, str]] = [
    (NoDirection, "test_declares_what_it_is", "higher_is_better must be"),
    (OddDirection, "test_declares_what_it_is", "higher_is_better must be"),
    (BoundsReversed, "test_declares_what_it_is", "bounds must be"),
    (NoFormula, "test_declares_what_it_is", "formula must"),
    (SinglePrecision, "test_values_are_one_a_prompt", "must be float64, not float32"),
    (OnlyHits, "test_values_are_one_a_prompt", r"must have shape \(40,\)"),
    (EmptyListsAreNaN, "test_values_are_one_a_prompt", "an empty list counts"),
    (Percent, "test_summary_is_within_bounds", "is outside the bounds 0 to 1"),
    (NumpySummary, "test_summary_is_within_bounds", "must be a float"),
    (Refuses, "test_summary_is_within_bounds", "only where no list has an item"),
    (NaNWithoutPrompts, "test_no_prompts_are_no_error", "must be finite"),
    (NeedsPrompts, "test_no_prompts_are_no_error", "no prompt at all must be no error"),
    (PaddingHits, "test_padding_is_no_hit", "counts as a hit"),
    (EarlyPromptsWeighMore, "test_order_of_prompts_does_not_matter", "depends on the order"),
    (NumberOfPrompt, "test_order_of_prompts_does_not_matter", "values of shuffled prompts"),
    (IgnoresCutoff, "test_only_the_first_k_count", "items behind the cutoff"),
    (GainsOfAnother, "test_gains_are_the_values", "values of what has gains"),
    (SortsLists, "test_input_is_left_unmodified", "writes to its input"),
]


@pytest.mark.parametrize("right", [HitRate, UndefinedWithoutItems])
@pytest.mark.parametrize("check", sorted(own_checks(MetricConformance)))
def test_the_right_one_passes(check: str, right: type[Metric]) -> None:
    try_check(MetricConformance, right, check)


@pytest.mark.parametrize("check", checks(MetricConformance))
def test_the_right_one_passes_everything(check: str) -> None:
    try_check(MetricConformance, HitRate, check)


@pytest.mark.parametrize(("wrong", "check", "message"), WRONG)
def test_a_wrong_one_fails(wrong: type[Metric], check: str, message: str) -> None:
    must_fail(MetricConformance, wrong, check, message)


def test_every_check_has_a_wrong_one() -> None:
    assert {check for _, check, _ in WRONG} == own_checks(MetricConformance)
