"""LlamaSeqPromptGenItem: an open model, fine-tuned here, is asked for the next item (paper 4.1)."""

from __future__ import annotations

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.prompted.config import LlamaConfig
from benchkit_plugins.recommenders.prompted.gen_item import GenItem
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt


class LlamaSeqPromptGenItem(LLMSeqPrompt):
    """A Llama, fine-tuned here, is asked for the next item.

    As LLMSeqPromptGenItem, with the paper's settings (7.1.7): Meta-Llama-3-8B; LoRA of rank 8,
    scale 32 and dropout .05, five epochs at learning rate 1e-4, a fifth of the sessions for
    validation; temperature 1, top-p .25. Any causal language model may take its place
    (`--set llama-seq-prompt-gen-item.model=FOLDER`); one without a chat template is given the
    prompt as it is.
    """

    name = "llama-seq-prompt-gen-item"
    source = "paper 4.1, 7.1.7"
    Config = LlamaConfig
    task = GenItem.name
    task_type = GenItem


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [LlamaSeqPromptGenItem]
