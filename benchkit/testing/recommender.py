"""Conformance of recommenders.

class TestMyModel(RecommenderConformance):
    component = MyModel
    config = {"epochs": 3}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from benchkit.contracts.config import Value
from benchkit.contracts.recommender import Recommendations
from benchkit.contracts.sessions import Sessions
from benchkit.testing import samples
from benchkit.testing.checks import accepts, guarded, require, require_close, skip
from benchkit.testing.component import ComponentConformance, build, fields_of
from benchkit.testing.lists import ascending, require_lists, require_same_lists
from benchkit.testing.processes import Results, elsewhere

# More than there are items: whole rankings are compared, and lists are short.
DEPTH = samples.ITEMS + 5


class RecommenderConformance(ComponentConformance):
    """Subclass it, name your class `component`, and pytest checks the contract.

    Attributes:
        component: the recommender.
        config: parameters for these checks.
        learns: True, or the reason why it cannot learn a sequence, ``"non-personalised"``.
    """

    learns: ClassVar[bool | str] = True

    def test_learns_a_cycle(self) -> None:
        """After sessions that walk 0, 1, 2, ..., 19, 0, the next item is among the first three.

        Items of the prompt do not count, so a model without exclusion of seen items passes, and
        one that knows neighbours but no direction; popularity or chance would be right in 18 %.
        """
        if isinstance(self.learns, str) and self.learns:
            skip(f"declared as {self.learns}")
        require(self.learns, "learns must be True, or say why it cannot learn a sequence")
        model, prompts = self.build(), samples.cycle_prompts()
        train = samples.cycle_sessions()
        model.fit(train, samples.bench(train, samples.CYCLE))
        items = model.recommend(prompts, samples.CYCLE).items
        hits = sum(_continues(prompts[row], items[row].tolist()) for row in range(len(prompts)))
        require(
            hits >= 0.8 * len(prompts),
            f"it learns nothing: the next item of a cycle of {samples.CYCLE} is among the first "
            f"three unseen ones for {hits} of {len(prompts)} prompts",
        )

    def test_lists_are_well_formed(self) -> None:
        """Lists have the right shapes and types, distinct items and descending finite scores."""
        require_lists(self._lists(samples.prompts(), 10), len(samples.prompts()), 10)

    def test_lists_longer_than_the_catalog_are_padded(self) -> None:
        """Where k exceeds the candidates, -1 and -inf stand behind the end."""
        with accepts("k beyond the catalog"):
            require_lists(self._lists(samples.prompts(), DEPTH), len(samples.prompts()), DEPTH)

    def test_shorter_lists_begin_longer_ones(self) -> None:
        """A shorter list is the beginning of a longer one."""
        model = fitted(self.build())
        short, long = model.recommend(samples.prompts(), 3), model.recommend(samples.prompts(), 10)
        require(
            np.array_equal(short.items, long.items[:, :3]),
            "the three best items are not the first three of the ten best",
        )

    def test_empty_prompts_are_answered(self) -> None:
        """A prompt without items, and no prompts at all, are no errors."""
        with accepts("a prompt without items"):
            require_lists(self._lists(Sessions.from_lists([[], []]), 5), 2, 5)
        with accepts("no prompt at all"):
            require_lists(self._lists(Sessions.from_lists([]), 5), 0, 5)

    def test_untrained_items_in_prompts_are_no_error(self) -> None:
        """Prompts may hold items of the catalog that no training session has."""
        prompts = Sessions.from_lists([[item] for item in samples.UNTRAINED] + [[0, 27, 1]])
        with accepts("an item that was never trained on"):
            require_lists(self._lists(prompts, 5), len(prompts), 5)

    def test_a_list_does_not_depend_on_its_neighbours(self) -> None:
        """Prompts get the same lists alone, together and in another order."""
        model, prompts = fitted(self.build()), samples.prompts()
        together = model.recommend(prompts, DEPTH)
        for row in range(len(prompts)):
            alone = model.recommend(prompts.between(row, row + 1), DEPTH)
            rows = slice(row, row + 1)
            expected = Recommendations(together.items[rows], together.scores[rows])
            require_same_lists(f"prompt {row} alone and among others", expected, alone)

    def test_asking_twice_gives_the_same(self) -> None:
        """Recommending changes nothing in the model."""
        model = fitted(self.build())
        first = model.recommend(samples.prompts(), DEPTH)
        model.recommend(Sessions.from_lists([[3], [2]]), 4)
        again = model.recommend(samples.prompts(), DEPTH)
        require_same_lists("asked twice", first, again)

    def test_refit_equals_a_fresh_fit(self) -> None:
        """Fitting forgets what was learnt before."""
        model = build(self.component, self.config)
        fresh = self._lists(samples.prompts(), DEPTH)
        other = samples.sessions(seed=99, count=30)
        model.fit(other, samples.bench(other))
        again = fitted(model).recommend(samples.prompts(), DEPTH)
        require_same_lists("fitted again and fresh", fresh, again)

    def test_equals_are_not_ordered_by_what_could_be_learnt(self) -> None:
        """Items of equal score follow neither their training frequency nor their codes."""
        model, train = fitted(self.build()), samples.sessions(seed=1)
        lists = model.recommend(samples.sessions(seed=5, count=200), DEPTH)
        for what, worth in (
            ("training frequency", np.bincount(train.items, minlength=samples.ITEMS)),
            ("item code", np.arange(samples.ITEMS)),
        ):
            up, pairs = ascending(lists, worth)
            require(
                pairs < 50 or 0.2 < up / pairs < 0.8,
                f"items of equal score are ordered by {what}, in {max(up, pairs - up)} of {pairs} "
                "pairs: that is a recommender of its own; order equals as "
                "benchkit.toolkit.ranking.top_k does, by tie_keys of the prompts",
            )

    def test_another_process_gives_the_same(self) -> None:
        """One seed, one result, in every process."""
        self.build()
        here = ranking(self.component, self.config)
        there = elsewhere(ranking, self.component, self.config)
        advice = "take randomness from bench.rng(...) and never rely on the order of a set"
        require(
            np.array_equal(here["items"], there["items"]),
            f"another process gives other lists; {advice}",
        )
        require_close(f"scores in another process ({advice})", here["scores"], there["scores"])

    def test_input_is_left_unmodified(self) -> None:
        """Training sessions, bench and prompts are shared with others."""
        model, train, prompts = self.build(), samples.sessions(seed=1), samples.prompts()
        bench = samples.bench(train)
        catalog = bench.catalog
        arrays = (bench.item_counts, catalog.attribute_offsets, catalog.attribute_codes)
        with guarded("fit", train.items, train.offsets, train.times, train.ids, *arrays):
            model.fit(train, bench)
        with guarded("recommend", prompts.items, prompts.offsets, prompts.times, prompts.ids):
            model.recommend(prompts, DEPTH)

    def test_excludes_seen_items(self) -> None:
        """With ``exclude_seen="prompt"``, no list holds an item of its prompt."""
        if "exclude_seen" not in {field.name for field in fields_of(self.component)}:
            skip("it has no parameter exclude_seen")
        self.build()
        model = fitted(build(self.component, {**self.config, "exclude_seen": "prompt"}))
        prompts = samples.prompts()
        lists = model.recommend(prompts, DEPTH)
        for row in range(len(prompts)):
            seen = sorted(set(prompts[row].tolist()) & set(lists.items[row].tolist()))
            require(not seen, f'exclude_seen="prompt", yet prompt {row} gets its own items {seen}')

    def _lists(self, prompts: Sessions, k: int) -> Recommendations:
        lists: Recommendations = fitted(self.build()).recommend(prompts, k)
        return lists


def fitted(model: Any) -> Any:
    """Return the model after learning from sample sessions."""
    train = samples.sessions(seed=1)
    model.fit(train, samples.bench(train))
    return model


def ranking(component: type[Any], config: Mapping[str, Value]) -> Results:
    """Return whole rankings of the sample prompts (an experiment)."""
    lists = fitted(build(component, config)).recommend(samples.prompts(), DEPTH)
    return {"items": lists.items, "scores": lists.scores}


def _continues(prompt: Any, ranking: list[int]) -> bool:
    unseen = [item for item in ranking if item >= 0 and item not in prompt]
    return (int(prompt[-1]) + 1) % samples.CYCLE in unseen[:3]
