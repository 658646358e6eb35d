"""LLMSeqPromptRank: a language model ranks the candidates of LLMSeqSim (paper 4.4)."""

from __future__ import annotations

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.prompted.config import DeterministicConfig
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt
from benchkit_plugins.recommenders.prompted.tasks.rank import Rank


class LLMSeqPromptRank(LLMSeqPrompt):
    """A language model is asked for LLMSeqSim's candidates, best first.

    One completion a prompt: the candidates in a better order.
    """

    name = "llm-seq-prompt-rank"
    source = "paper 4.4"
    Config = DeterministicConfig
    task = Rank.name
    task_type = Rank
    builds_on = (("recommender", "llm-seq-sim"),)


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    """Provide LLMSeqPromptRank."""
    return [LLMSeqPromptRank]
