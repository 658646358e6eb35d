"""TALLRec: a language model, tuned on instructions, is asked for the next item (paper 7.1.6).

K. Bao et al.: TALLRec: An Effective and Efficient Tuning Framework to Align Large Language Model
with Recommendation. RecSys 2023.
"""

from __future__ import annotations

from benchkit import Recommender, hookimpl
from benchkit_plugins.recommenders.prompted.config import TALLRecConfig
from benchkit_plugins.recommenders.prompted.gen_item import GenItem
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt


class Instructed(GenItem):
    """The next item's title, asked for by an instruction, an input and a response to be written.

    Departures: TALLRec itself answers whether a user likes one given item. The paper evaluates it
    on full rankings (7.1.6), so the response is the next item's title, and the titles of 20
    completions are ranked by frequency. The form is Alpaca's, preamble included, as in TALLRec; the
    instruction is ours.
    """

    name = "tallrec"


class TALLRec(LLMSeqPrompt):
    """A language model, tuned on instructions in TALLRec's form, is asked for the next item.

    TALLRec asks whether somebody would like one item; to rank a whole catalog, the answer is a
    title here, and twenty are drawn and counted as for LLMSeqPromptGenItem.

    Settings are those of its authors' ``shell/instruct_7B.sh``: LLaMA-7B, LoRA of rank 8, scale 16
    and dropout .05 for queries and values, batches of 128, learning rate 1e-4, the instruction
    learnt as well as the response. Departures: five epochs instead of 200, which are for at most
    512 examples; it begins with LLaMA itself, not with their adapter tuned on Alpaca's
    instructions; no warm-up; examples are not cut at 512 tokens. Of sampling and validation they
    say nothing that fits: as for Llama.
    """

    name = "tallrec"
    source = "paper 7.1.6"
    Config = TALLRecConfig
    task = Instructed.name
    task_type = Instructed


@hookimpl
def benchkit_recommenders() -> list[type[Recommender]]:
    return [TALLRec]
