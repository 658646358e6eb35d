"""Titles to items: by name, then by embedding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchkit_plugins.recommenders.prompted.matching import Matches, Matching
from benchkit_plugins.recommenders.prompted.titles import Title, Titles
from tests.recommenders.prompted.tasked import TitledBench, bench, listed, prompt

SAID = {"q": [0.9, 0.5, 0.1], "r": [0.8, 0.5, 0.1]}


def matched(given: TitledBench, *answers: list[str], k: int = 5, offers: Any = None) -> Matches:
    titles = Titles(given.catalog, given.train)
    found = [[title for text in each if (title := titles.find([text]))] for each in answers]
    matching = Matching("minilm", given)
    nothing = prompt(*[[]] * len(answers))
    taken = None if offers is None else np.array(offers, dtype=np.int32)
    return matching.lists(found, k, nothing, taken)


def items(given: TitledBench, *answers: list[str], offers: Any = None) -> list[list[int]]:
    return listed(matched(given, *answers, offers=offers).lists)


def test_of_equal_titles_the_most_popular_trained_item_comes_first() -> None:
    given = bench(["x", "x", "x"], train=[[2, 1], [2]])
    assert items(given, ["x"], ["x", "X", "x", "x"]) == [[2], [2, 1, 0]]
    assert given.embedded == []


def test_a_hallucination_takes_the_nearest_item_that_the_list_lacks() -> None:
    given = bench(["a", "b", "c"], said=SAID)
    assert items(given, ["q", "r"], ["a", "q"], ["q", "a", "b"]) == [[0, 1], [0, 1], [0, 1]]
    assert items(given, ["q", "q"]) == [[0]], "a title counts once"


def test_similarities_are_cosines_with_the_item_that_takes_the_place() -> None:
    found = matched(bench(["a", "b", "c"], said=SAID), ["q", "r"], ["a"])
    lengths = [float(np.linalg.norm(vector)) for vector in SAID.values()]
    expected = [0.9 / lengths[0], 0.5 / lengths[1]]
    assert found.similarities == pytest.approx(expected)
    assert found.hallucinations == 2
    assert found.titles == 3


def test_repeated_titles_are_embedded_once() -> None:
    given = bench(["a", "b", "c"], said=SAID)
    items(given, ["q", "r"], ["r"], ["a", "q"])
    assert given.embedded == [["q", "r"]]
    assert given.asked == [("minilm", None, None, "catalog")], "vectors are not reduced"


def test_a_title_without_embedding_takes_no_item() -> None:
    given = bench(["a", "b", "c"])
    assert items(given, ["unheard of", "b"]) == [[1]]
    assert items(given, ["unheard of"], offers=[[0, 1]]) == [[]]


def test_items_without_embedding_are_never_nearest() -> None:
    given = bench(["a", "b"], [[0, 0], [-1, 0]], said={"q": [1, 0]})
    assert items(given, ["q", "a"]) == [[1, 0]]


def test_a_list_depends_on_no_other() -> None:
    rng = np.random.default_rng(0)
    names = [f"t{item}" for item in range(40)]
    said = {f"q{number}": rng.standard_normal(8).tolist() for number in range(60)}
    given = bench(names, rng.standard_normal((40, 8)).tolist(), said=said)
    words = [*names, *said]
    answers = [[str(word) for word in rng.choice(words, 12)] for _ in range(30)]
    together = items(given, *answers)
    assert together == [items(given, answer)[0] for answer in answers]
    for answer, found in zip(answers, together, strict=True):
        assert found == naive(answer, names, given)[:5]


def naive(answer: list[str], names: list[str], given: TitledBench) -> list[int]:
    """Return one list, one title at a time."""
    found: list[int] = []
    units = given.given["minilm"] / np.linalg.norm(given.given["minilm"], axis=1)[:, None]
    for title in dict.fromkeys(answer):
        if title in names:
            found += [item for item in [names.index(title)] if item not in found]
        else:
            scores = units @ np.array(given.said[title])
            found.append(next(int(i) for i in np.argsort(-scores) if int(i) not in found))
    return found


def test_an_offer_for_all_is_the_same_as_one_for_each() -> None:
    rng = np.random.default_rng(1)
    said = {f"q{number}": rng.standard_normal(4).tolist() for number in range(9)}
    given = bench([f"t{i}" for i in range(12)], rng.standard_normal((12, 4)).tolist(), said=said)
    answers = [["t3", "q0", "t9", "q1"], ["q2", "q3"], ["t0", "q8"]]
    offer = [3, 0, 7, 5]
    shared = items(given, *answers, offers=offer)
    assert shared == items(given, *answers, offers=[[*offer, -1]] * 3)
    assert all(set(each) <= set(offer) for each in shared)


def test_a_title_is_the_same_in_any_case() -> None:
    assert Title("Rose").key == Title("ROSE").key
