"""TALLRec: GenItem under another template."""

from __future__ import annotations

from pathlib import Path

from benchkit_plugins.recommenders.llm_seq_prompt_class import LLMSeqPromptClass
from benchkit_plugins.recommenders.llm_seq_prompt_rank import LLMSeqPromptRank
from benchkit_plugins.recommenders.prompted.config import LlamaConfig, TALLRecConfig
from benchkit_plugins.recommenders.prompted.providers.local.provider import Local
from benchkit_plugins.recommenders.tallrec import Instructed
from tests.recommenders.prompted.tasked import bench, listed, prompt, task

GIVEN = bench(["a", "b", "c"])


def test_it_asks_by_instruction_input_and_response() -> None:
    (pair,) = task(Instructed, GIVEN).example(prompt([0, 1, 2]))
    (message,) = pair.prompt
    assert message.role == "user"
    preamble, instruction, given, response = message.content.split("### ")
    assert preamble.startswith(
        "Below is an instruction that describes a task, paired with an input"
    )
    assert instruction.startswith("Instruction:\n")
    assert given == "Input:\na\nb\n\n"
    assert response == "Response:"
    assert pair.completion == "c"


def test_llama_is_the_papers_and_tallrec_its_authors(tmp_path: Path) -> None:
    llama = {
        "targets": "usual",
        "rank": 8,
        "alpha": 32,
        "dropout": 0.05,
        "learning_rate": 1e-4,
        "epochs": 5,
        "batch_size": 16,
        "prompt_weight": 0,
    }
    instructed = {**llama, "alpha": 16, "batch_size": 128, "prompt_weight": 1}
    for config, model, recipe in (
        (LlamaConfig(), "meta-llama/Meta-Llama-3-8B", llama),
        (TALLRecConfig(), "huggyllama/llama-7b", instructed),
    ):
        assert config.model == model
        assert Local(config, tmp_path).recipe() == recipe
        assert (config.temperature, config.top_p) == (1, 0.25)
        assert config.validation_share == 0.2
        assert not any(field.param.search for field in config.fields())


def test_what_shows_all_there_is_to_choose_from_needs_no_chance() -> None:
    whole = {kind: kind.Config() for kind in (LLMSeqPromptClass, LLMSeqPromptRank)}
    assert {config.temperature for config in whole.values()} == {0}
    assert {config.last_n_items for config in whole.values()} == {None}


def test_it_ranks_many_answers_by_frequency() -> None:
    made = task(Instructed, GIVEN)
    assert made.samples == 20
    assert listed(made.read(prompt([0]), [["a", "b", "b"]], 3).lists) == [[1, 0]]
