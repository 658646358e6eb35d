"""Rank: candidates in another order."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchkit_plugins.recommenders.llm_seq_prompt_rank import Rank
from tests.recommenders.prompted.tasked import bench, listed, prompt, task, user

VECTORS = [[1, place / 50] for place in range(30)]
TITLES = [f"t{place}" for place in range(30)]


def candidates(conversation: Any) -> list[str]:
    return user(conversation).partition("Candidates:\n")[2].splitlines()


def test_candidates_are_llmseqsims_in_any_order() -> None:
    made = task(Rank, bench(TITLES, VECTORS))
    (conversation,) = made.ask(prompt([0]))
    shown = candidates(conversation)
    assert sorted(shown) == sorted(f"t{place}" for place in range(1, 21))
    assert shown != [f"t{place}" for place in range(1, 21)]


def test_the_order_is_the_prompts_own_and_the_seeds() -> None:
    made, other = task(Rank, bench(TITLES, VECTORS)), task(Rank, bench(TITLES, VECTORS, seed=1))
    together = made.ask(prompt([3], [0], [0, 1]))
    assert together[1] == made.ask(prompt([0]))[0]
    assert candidates(together[1]) != candidates(other.ask(prompt([0]))[0])


def test_the_truth_is_forced_in_while_training_alone() -> None:
    made = task(Rank, bench(TITLES, VECTORS))
    (pair,) = made.example(prompt([0, 0, 25]))
    assert pair.completion.splitlines() == ["t25", *(f"t{place}" for place in range(1, 20))]
    assert sorted(candidates(pair.prompt)) == sorted(pair.completion.splitlines())
    (inside,) = made.example(prompt([0, 0, 20]))
    assert inside.completion.splitlines() == ["t20", *(f"t{place}" for place in range(1, 20))]
    assert candidates(made.ask(prompt([0, 0]))[0]) == candidates(inside.prompt)
    assert "t25" not in candidates(made.ask(prompt([0, 0]))[0])


def test_what_was_not_shown_becomes_the_nearest_candidate() -> None:
    given = bench(TITLES, VECTORS, said={"q": [1, 0.1], "r": [1, 0.1]})
    made = task(Rank, given)
    reading = made.read(prompt([0], [0]), [["t7\nq\nr\nt29\nt0"], ["q"]], 20)
    # q is item 5, r the next to it, t29 is nearest to 20, t0 to 1
    first, second = listed(reading.lists)
    assert first[:2] == [7, 5]
    assert first[2] in {4, 6}
    assert first[3:] == [20, 1]
    assert second == [5]
    assert reading.diagnostics["hallucinations"] == 5 / 6
    assert reading.diagnostics["off_list"] == 2 / 6
    # 8.3 degrees from t29 to item 20; all others are at their items, or a degree away
    similarity = (4 + np.cos(np.arctan(0.58) - np.arctan(0.4))) / 5
    np.testing.assert_allclose(
        reading.diagnostics["hallucination_similarity"], similarity, atol=3e-4
    )


def test_without_candidates_it_is_not_asked() -> None:
    given = bench(["a", "b"], [[0, 0], [1, 0]])
    assert task(Rank, given).ask(prompt([0], [])) == [None, None]
    assert listed(task(Rank, given).read(prompt([0]), [None], 2).lists) == [[]]


def test_two_candidates_of_one_title_are_two() -> None:
    given = bench(["a", "same", "same", "d"], [[1, 0], [1, 0.1], [1, 0.2], [1, 0.3]], [[2], [2]])
    reading = task(Rank, given).read(prompt([0]), [["d\nsame\nsame\nsame"]], 4)
    assert listed(reading.lists) == [[3, 2, 1]]
