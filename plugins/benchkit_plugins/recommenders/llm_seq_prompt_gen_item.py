"""LLMSeqPromptGenItem: a language model is asked for the next item (paper 4.1)."""

from __future__ import annotations

from typing import ClassVar

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.prompted.gen_item import GenItem
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt


class LLMSeqPromptGenItem(LLMSeqPrompt):
    """A language model is asked for the next item.

    Twenty completions a prompt, each a title; the titles that come most often are recommended.
    """

    name = "llm-seq-prompt-gen-item"
    source = "paper 4.1"
    task = GenItem.name
    task_type = GenItem
    presets: ClassVar = {"steam": {"temperature": 0.5}}


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [LLMSeqPromptGenItem]
