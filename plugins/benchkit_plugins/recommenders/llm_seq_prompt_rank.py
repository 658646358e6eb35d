"""LLMSeqPromptRank: a language model ranks the candidates of LLMSeqSim (paper 4.4)."""

from __future__ import annotations

import numpy as np

from benchkit import Recommender, hookimpl
from benchkit.contracts.arrays import Int32
from benchkit.contracts.sessions import Sessions
from benchkit.toolkit.arrays import mix, sequence_keys
from benchkit_plugins.recommenders.prompted.config import DeterministicConfig
from benchkit_plugins.recommenders.prompted.recommender import LLMSeqPrompt
from benchkit_plugins.recommenders.prompted.similar import SimilarTask, with_truth_first
from benchkit_plugins.recommenders.prompted.task import COUNT


class Rank(SimilarTask):
    """The titles of LLMSeqSim's 20 items, shown in random order, sorted by the model.

    The order is a hash of prompt, item and seed. In training alone the truth is among them, in
    place of the last where LLMSeqSim lacks it. A title that was not shown takes the candidate
    nearest to it, whether the catalog has it or not.
    """

    name = "rank"
    samples = 1
    max_tokens = 768
    required = ("titles", "candidates")

    def _offers(self, prompts: Sessions, truth: Int32 | None = None) -> Int32:
        similar = self._similar(prompts)
        items = similar if truth is None else with_truth_first(similar, truth)
        drawn = mix(sequence_keys(prompts, self.bench.seed)[:, None] ^ mix(items.astype(np.uint64)))
        return np.take_along_axis(items, np.argsort(drawn, axis=1, kind="stable"), axis=1)

    def _values(self, offers: Int32 | None, row: int) -> dict[str, str] | None:
        assert offers is not None
        shown = self.titles.lines(offers[row][offers[row] >= 0])
        return {"count": str(COUNT), "candidates": shown} if shown else None


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
    return [LLMSeqPromptRank]
