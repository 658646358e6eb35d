"""LLMSeqPromptGenList: a language model is asked for a list of next items (paper 4.2)."""

from __future__ import annotations

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt
from benchkit_plugins.recommenders.prompted.similar import SimilarTask


class GenList(SimilarTask):
    """20 titles a completion; it learns from LLMSeqSim's list with the truth put first."""

    name = "gen-list"
    samples = 1
    max_tokens = 768


class LLMSeqPromptGenList(LLMSeqPrompt):
    """A language model is asked for a list of next items.

    One completion a prompt: twenty titles, best first.
    """

    name = "llm-seq-prompt-gen-list"
    source = "paper 4.2"
    task = GenList.name
    task_type = GenList
    builds_on = (("recommender", "llm-seq-sim"),)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [LLMSeqPromptGenList]
