"""TALLRec: GenItem under another template."""

from __future__ import annotations

from benchkit_plugins.recommenders.prompted.tasks.instruct import TALLRec
from tests.recommenders.prompted.tasked import bench, listed, prompt, task

GIVEN = bench(["a", "b", "c"])


def test_it_asks_by_instruction_input_and_response() -> None:
    (pair,) = task(TALLRec, GIVEN).example(prompt([0, 1, 2]))
    (message,) = pair.prompt
    assert message.role == "user"
    instruction, given, response = message.content.split("### ")[1:]
    assert instruction.startswith("Instruction:\n")
    assert given == "Input:\na\nb\n\n"
    assert response == "Response:"
    assert pair.completion == "c"


def test_it_ranks_many_answers_by_frequency() -> None:
    made = task(TALLRec, GIVEN)
    assert made.samples == 20
    assert listed(made.read(prompt([0]), [["a", "b", "b"]], 3).lists) == [[1, 0]]
