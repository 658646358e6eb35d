"""LlamaSeqPromptGenItem: an open model, fine-tuned here, is asked for the next item (paper 4.1)."""

from __future__ import annotations

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.prompted.config import LlamaConfig
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt
from benchkit_plugins.recommenders.prompted.tasks.gen_item import GenItem


class LlamaSeqPromptGenItem(LLMSeqPrompt):
    """A Llama, fine-tuned here, is asked for the next item.

    As LLMSeqPromptGenItem, with LoRA's rank 8, scale 32 and dropout .05. Any causal language model
    may take Llama's place (`--set llama-seq-prompt-gen-item.model=FOLDER`).
    """

    name = "llama-seq-prompt-gen-item"
    source = "paper 4.1"
    Config = LlamaConfig
    task = GenItem.name
    task_type = GenItem


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    """Provide the fine-tuned Llama."""
    return [LlamaSeqPromptGenItem]
