"""GenList: a whole list in one completion."""

from __future__ import annotations

from dataclasses import replace

from benchkit_plugins.recommenders.llm_seq_prompt_gen_list import GenList
from tests.recommenders.prompted.tasked import bench, listed, prompt, task, user

# after item 0, LLMSeqSim lists 1, 2, 3 and 4: their vectors turn away from it, one by one
VECTORS: list[list[float]] = [[1, 0], [1, 0.1], [1, 0.2], [1, 0.3], [1, 0.4]]
GIVEN = bench(["a", "b", "", "d", "e"], VECTORS)


def test_it_learns_llmseqsims_list_with_the_truth_put_first() -> None:
    given = bench(["a", "b", "c", "d", "e"], VECTORS)
    inside, outside = task(GenList, given).example(prompt([0, 0, 3], [0, 0, 0]))
    assert inside.completion == "d\nb\nc\ne"
    assert outside.completion == "a\nb\nc\nd\ne"
    assert user(inside.prompt) == "a\na"
    assert "the 20 products" in inside.prompt[0].content


def test_llmseqsim_is_the_users_own() -> None:
    given = bench(["a", "b", "c", "d"], [[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    last = replace(given, values={"llm-seq-sim": {"pooling": "last", "exclude_seen": "none"}})
    for own, wanted in ((given, "a\nd"), (last, "a\nc\nd\nb")):
        (pair,) = task(GenList, own).example(prompt([1, 2, 0]))
        assert pair.completion == wanted


def test_of_twenty_the_last_makes_room() -> None:
    vectors = [[1, place / 50] for place in range(30)]
    given = bench([f"t{place}" for place in range(30)], vectors)
    (pair,) = task(GenList, given).example(prompt([0, 0, 25]))
    assert pair.completion.splitlines() == ["t25", *(f"t{place}" for place in range(1, 20))]


def test_untitled_items_are_left_out() -> None:
    (pair,) = task(GenList, GIVEN).example(prompt([0, 0, 3]))
    assert pair.completion == "d\nb\ne"


def test_the_answer_is_a_list_as_it_stands() -> None:
    said = bench(["a", "b", "c"], said={text: [0.1, 0.2, 0.9] for text in "qQ"})
    answers = [["1. b\n2. q\n3. q\n4. b\n5. c\n6. a"], ["Q\nB"]]
    reading = task(GenList, said).read(prompt([0], [0]), answers, 3)
    assert listed(reading.lists) == [[1, 2, 0], [2, 1]]
    assert reading.diagnostics["hallucinations"] == 2 / 6
    assert reading.diagnostics["distinct_texts"] == 4, "q is one, whatever item it becomes"
    assert reading.diagnostics["distinct_recommendations"] == 3
