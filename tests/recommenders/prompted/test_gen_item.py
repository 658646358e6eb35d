"""GenItem: one title, asked for twenty times."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchkit.contracts.prompted import Example, Message
from benchkit.contracts.protocol import Protocol
from benchkit.data.open import open_dataset
from benchkit.data.split import split_sessions
from benchkit.evaluation.bench import Workbench
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.gen_item import GenItem
from tests.recommenders.prompted.tasked import bench, listed, prompt, task, user

GIVEN = bench(["a", "b\nb", "", "d"])


def test_a_pair_is_the_prompt_and_the_next_title() -> None:
    made = task(GenItem, GIVEN)
    pairs = made.example(prompt([0, 3, 1], [0, 1], [0, 2, 3], [3, 0, 2], [3, 3, 3, 0]))
    assert [pair and user(pair.prompt) for pair in pairs] == ["a\nd", None, None, None, "d\nd\nd"]
    assert [pair and pair.completion for pair in pairs] == ["b b", None, None, None, "a"]
    assert isinstance(pairs[0], Example)
    assert pairs[0].prompt[0] == Message("system", made.template.system)


def test_untitled_items_are_not_shown() -> None:
    first, second, third = task(GenItem, GIVEN).ask(prompt([2, 1, 2], [2], []))
    assert user(first) == "b b"
    assert second is third is None


def test_only_the_last_items_are_shown() -> None:
    made = task(GenItem, GIVEN, last_n_items=2)
    (conversation,) = made.ask(prompt([0, 1, 3, 2]))
    assert user(conversation) == "b b\nd"
    (pair,) = made.example(prompt([0, 0, 1, 3]))
    assert user(pair.prompt) == "a\nb b"


def test_titles_rank_by_frequency_then_by_first_appearance() -> None:
    said = ["d", "a", "b b\nd\nd\nd", "A", "b  B", "", "d"]
    reading = task(GenItem, GIVEN).read(prompt([0], [0]), [said, ["b b", "d", "d"]], 3)
    assert listed(reading.lists) == [[3, 0, 1], [3, 1]]
    np.testing.assert_allclose(reading.lists.scores[0], [1, 1 / 2, 1 / 3], rtol=1e-6)
    assert reading.lists.scores[1, 2] == -np.inf


def test_a_shorter_list_is_the_beginning_of_a_longer_one() -> None:
    made = task(GenItem, GIVEN)
    lists = [made.read(prompt([0]), [["a", "d", "b b"]], k).lists for k in (1, 2, 5)]
    assert [listed(each) for each in lists] == [[[0]], [[0, 3]], [[0, 3, 1]]]


def test_the_strict_protocol_keeps_the_prompt_out() -> None:
    given = bench(["a", "b", "c"], said={"q": [0.9, 0.1, 0.2]})
    answers = [["a", "b", "q"], ["b", "q"]]
    strict = task(GenItem, given, exclude_seen="prompt", last_n_items=1)
    assert listed(strict.read(prompt([0], [1, 2]), answers, 3).lists) == [[1, 2], [0]]
    shown = task(GenItem, given, exclude_seen="read", last_n_items=1)
    assert listed(shown.read(prompt([0], [1, 2]), answers, 3).lists) == [[1, 2], [1, 0]]


def test_what_is_shown_stays_out_though_an_untitled_item_comes_after_it() -> None:
    made = task(GenItem, bench(["a", "b", "", "d"]), exclude_seen="read", last_n_items=2)
    prompts = prompt([0, 1, 2])
    (asked,) = made.ask(prompts)
    assert asked is not None
    assert user(asked) == "a\nb"
    assert listed(made.read(prompts, [["a", "b", "d"]], 3).lists) == [[3]]


def test_every_title_of_beauty_reads_back(real_data: Path, tmp_path: Path) -> None:
    prepared = open_dataset("beauty", tmp_path, real_data / "beauty", {})
    split = split_sessions(prepared, Protocol())
    given = Workbench(prepared.catalog, split.train, split.item_counts(prepared))
    made = GenItem(PromptedConfig(), split.train, given)
    pairs = [pair for pair in made.example(split.train) if pair is not None]
    assert len(pairs) == 17784
    titled = np.flatnonzero(made.titles.present)
    lone = prompt(*[[item] for item in titled.tolist()])
    conversations = made.ask(lone)
    lists = made.read(lone, [[user(each)] for each in conversations], 1).lists
    shown = [made.titles.shown[item].casefold() for item in lists.items[:, 0]]
    assert shown == [made.titles.shown[item].casefold() for item in titled]
