"""LLMSeqPromptClass: a language model is asked for the categories of the next item (paper 4.3)."""

from __future__ import annotations

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.prompted.config import DeterministicConfig
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt
from benchkit_plugins.recommenders.prompted.tasks.classes import Class


class LLMSeqPromptClass(LLMSeqPrompt):
    """A language model is asked for the categories of the next item.

    One completion a prompt: twenty categories, best first; each stands for its most popular item.
    """

    name = "llm-seq-prompt-class"
    source = "paper 4.3"
    Config = DeterministicConfig
    task = Class.name
    task_type = Class


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    """Provide LLMSeqPromptClass."""
    return [LLMSeqPromptClass]
