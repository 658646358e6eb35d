"""Every check of recommenders fails on a recommender that breaks just that promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchkit import Bench, Config, Recommendations, Recommender, Sessions
from benchkit.testing import RecommenderConformance
from benchkit.toolkit.ranking import tie_keys, top_k
from tests.testing.right import Chain
from tests.testing.trials import checks, must_fail, own_checks, try_check


class LearnsNothing(Chain):
    def fit(self, train: Sessions, bench: Bench) -> None:
        super().fit(train, bench)
        self.follows[:] = 0


class ReturnsLongItems(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = super().recommend(prompts, k)
        return Recommendations(lists.items.astype(np.int64), lists.scores)


class RepeatsItems(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = super().recommend(prompts, k)
        lists.items[:, 1] = lists.items[:, 0]
        return lists


class ScoresAscend(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = super().recommend(prompts, k)
        return Recommendations(lists.items, -lists.scores)


class ScoresAreNaN(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = super().recommend(prompts, k)
        return Recommendations(lists.items, lists.scores * np.float32(np.nan))


class InventsItems(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = super().recommend(prompts, k)
        lists.items[:, 0] = 1000
        return lists


class PadsWithZero(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = super().recommend(prompts, k)
        return Recommendations(np.maximum(lists.items, 0), lists.scores)


class PadsWithScoreZero(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = super().recommend(prompts, k)
        return Recommendations(lists.items, np.where(lists.items < 0, 0, lists.scores))


class CutsLists(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        return super().recommend(prompts, min(k, self.items))


class NeedsManyItems(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        if k > self.items:
            raise IndexError("kth out of bounds")
        return super().recommend(prompts, k)


class DependsOnK(Chain):
    def score(self, prompts: Sessions) -> Any:
        return np.roll(super().score(prompts), self.k, axis=1)

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        self.k = k
        return super().recommend(prompts, k)


class NeedsItems(Chain):
    def score(self, prompts: Sessions) -> Any:
        [prompts[row][-1] for row in range(len(prompts))]
        return super().score(prompts)


class NeedsPrompts(Chain):
    def score(self, prompts: Sessions) -> Any:
        return super().score(prompts) + prompts.lengths.max() * 0


class NeedsTrainedItems(Chain):
    def score(self, prompts: Sessions) -> Any:
        known = {int(item): 0 for item in np.flatnonzero(self.popularity)}
        [known[item] for item in prompts.items.tolist()]
        return super().score(prompts)


class LooksAtNeighbours(Chain):
    def score(self, prompts: Sessions) -> Any:
        return super().score(prompts) / np.float32(1 + prompts.interactions)


class TiesDependOnBatch(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        lists = super().recommend(prompts, k)
        lists.scores[lists.items >= 0] = 1
        if len(prompts) > 1:
            lists.items[:, :2] = lists.items[:, 1::-1]
        return lists


class ChangesWithUse(Chain):
    def score(self, prompts: Sessions) -> Any:
        self.follows += 1 + np.arange(len(self.follows))
        return super().score(prompts)


class KeepsOldKnowledge(Chain):
    def fit(self, train: Sessions, bench: Bench) -> None:
        old = getattr(self, "follows", 0)
        super().fit(train, bench)
        self.follows += old


class DrawsUnseeded(Chain):
    def fit(self, train: Sessions, bench: Bench) -> None:
        super().fit(train, bench)
        self.follows += np.random.default_rng().random(self.follows.shape)


class UsesPythonsHash(Chain):
    def fit(self, train: Sessions, bench: Bench) -> None:
        super().fit(train, bench)
        self.follows += [hash(name) % 97 for name in bench.catalog.ids]


class SortsPrompts(Chain):
    def score(self, prompts: Sessions) -> Any:
        prompts.items.sort()
        return super().score(prompts)


class SortsTraining(Chain):
    def fit(self, train: Sessions, bench: Bench) -> None:
        train.items.flags.writeable = True  # as torch.from_numpy in effect does
        train.items[:] = train.items[::-1].copy()
        super().fit(train, bench)


class OrdersEqualsByCode(Chain):
    def worth(self) -> Any:
        return -np.arange(self.items)

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        scores = self.score(prompts)
        order = np.lexsort((np.broadcast_to(-self.worth(), scores.shape), -scores))[:, :k]
        lists = Recommendations.empty(len(prompts), k)
        lists.items[:, : self.items] = order
        lists.scores[:, : self.items] = np.take_along_axis(scores, order, axis=1)
        lists.items[lists.scores == -np.inf] = -1
        return lists


class OrdersEqualsByPopularity(OrdersEqualsByCode):
    def worth(self) -> Any:
        return self.popularity

    def score(self, prompts: Sessions) -> Any:
        scores = np.tile(-np.inf, (len(prompts), self.items)).astype(np.float32)
        read = prompts.last(1)
        scores[read.owners] = np.minimum(self.follows[read.items], 1)
        return scores


class IgnoresExclusion(Chain):
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        nothing = Sessions.from_lists([[]] * len(prompts))
        return top_k(self.score(prompts), k, tie_keys(prompts, self.seed), nothing)


class WithoutExclusion(IgnoresExclusion):
    Config = Config  # type: ignore[assignment]

    def score(self, prompts: Sessions) -> Any:
        return self.follows[prompts.last(1).items].astype(np.float32)


WRONG: list[tuple[type[Recommender], str, str]] = [
    (LearnsNothing, "test_learns_a_cycle", "learns nothing"),
    (ReturnsLongItems, "test_lists_are_well_formed", r"items int64\[\d+, 10\], not int32"),
    (RepeatsItems, "test_lists_are_well_formed", "an item twice"),
    (ScoresAscend, "test_lists_are_well_formed", "scores that ascend"),
    (ScoresAreNaN, "test_lists_are_well_formed", "not a number"),
    (InventsItems, "test_lists_are_well_formed", "outside the catalog"),
    (PadsWithZero, "test_lists_longer_than_the_catalog_are_padded", "without a finite score"),
    (PadsWithScoreZero, "test_lists_longer_than_the_catalog_are_padded", "must score -inf"),
    (CutsLists, "test_lists_longer_than_the_catalog_are_padded", r"not int32\[10, 35\]"),
    (NeedsManyItems, "test_lists_longer_than_the_catalog_are_padded", "k beyond the catalog"),
    (DependsOnK, "test_shorter_lists_begin_longer_ones", "not the first three"),
    (NeedsItems, "test_empty_prompts_are_answered", "a prompt without items must be no error"),
    (NeedsPrompts, "test_empty_prompts_are_answered", "no prompt at all must be no error"),
    (NeedsTrainedItems, "test_untrained_items_in_prompts_are_no_error", "KeyError"),
    (LooksAtNeighbours, "test_a_list_does_not_depend_on_its_neighbours", "alone and among others"),
    (TiesDependOnBatch, "test_a_list_does_not_depend_on_its_neighbours", "equal in score"),
    (ChangesWithUse, "test_asking_twice_gives_the_same", "asked twice"),
    (KeepsOldKnowledge, "test_refit_equals_a_fresh_fit", "fitted again and fresh"),
    (OrdersEqualsByCode, "test_equals_are_not_ordered_by_what_could_be_learnt", "item code"),
    (
        OrdersEqualsByPopularity,
        "test_equals_are_not_ordered_by_what_could_be_learnt",
        "by training frequency",
    ),
    (DrawsUnseeded, "test_another_process_gives_the_same", r"bench\.rng"),
    (UsesPythonsHash, "test_another_process_gives_the_same", "another process gives other lists"),
    (SortsPrompts, "test_input_is_left_unmodified", "recommend writes to its input"),
    (SortsTraining, "test_input_is_left_unmodified", "fit changes its input"),
    (IgnoresExclusion, "test_excludes_seen_items", "gets its own items"),
]


@pytest.mark.parametrize("check", checks(RecommenderConformance))
def test_the_right_one_passes(check: str) -> None:
    try_check(RecommenderConformance, Chain, check)


@pytest.mark.parametrize(("wrong", "check", "message"), WRONG)
def test_a_wrong_one_fails(wrong: type[Recommender], check: str, message: str) -> None:
    must_fail(RecommenderConformance, wrong, check, message)


def test_every_check_has_a_wrong_one() -> None:
    assert {check for _, check, _ in WRONG} == own_checks(RecommenderConformance)


def test_a_reason_excuses_from_learning() -> None:
    with pytest.raises(pytest.skip.Exception, match="non-personalised"):
        try_check(
            RecommenderConformance, LearnsNothing, "test_learns_a_cycle", learns="non-personalised"
        )


def test_no_reason_excuses_nobody() -> None:
    must_fail(RecommenderConformance, LearnsNothing, "test_learns_a_cycle", "say why", learns=False)


def test_without_the_parameter_exclusion_is_skipped() -> None:
    with pytest.raises(pytest.skip.Exception, match="no parameter exclude_seen"):
        try_check(RecommenderConformance, WithoutExclusion, "test_excludes_seen_items")


def test_local_classes_get_a_clear_message() -> None:
    class Local(Chain):
        pass

    check = "test_another_process_gives_the_same"
    must_fail(RecommenderConformance, Local, check, "must stand at the top level")
