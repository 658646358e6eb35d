"""TALLRec: a language model, tuned on instructions, is asked for the next item (paper 7.1.6).

K. Bao et al.: TALLRec: An Effective and Efficient Tuning Framework to Align Large Language Model
with Recommendation. RecSys 2023.
"""

from __future__ import annotations

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.prompted.config import LlamaConfig
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt
from benchkit_plugins.recommenders.prompted.tasks.instruct import TALLRec as Instructed


class TALLRec(LLMSeqPrompt):
    """A language model, tuned on instructions in TALLRec's form, is asked for the next item.

    TALLRec asks whether somebody would like one item; to rank a whole catalog, the answer is a
    title here, and twenty are drawn and counted as for LLMSeqPromptGenItem.
    """

    name = "tallrec"
    source = "paper 7.1.6"
    Config = LlamaConfig
    task = Instructed.name
    task_type = Instructed


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    """Provide TALLRec."""
    return [TALLRec]
