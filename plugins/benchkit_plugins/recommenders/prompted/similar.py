"""LLMSeqSim's lists, which some tasks learn to improve on (paper 4.2, 4.4)."""

from __future__ import annotations

import numpy as np

from benchkit import Sessions
from benchkit.contracts.arrays import Int32
from benchkit.toolkit.arrays import distinct
from benchkit_plugins.recommenders.prompted.task import COUNT, Task


class SimilarTask(Task):
    """Base of the tasks that learn LLMSeqSim's 20 items for a prompt, with the truth put first.

    LLMSeqSim is used as it is configured, embedder included; the task sets nothing of it.
    """

    def _similar(self, prompts: Sessions) -> Int32:
        """Return LLMSeqSim's best items with a title, ``int32[prompts, 20]``, -1 for a gap."""
        items = self.bench.recommender("llm-seq-sim").recommend(prompts, COUNT).items
        return np.where((items >= 0) & self.titles.present[items], items, np.int32(-1))

    def _completions(self, prompts: Sessions, truth: Int32) -> list[str]:
        lists = with_truth_first(self._similar(prompts), truth)
        return [self.titles.lines(items[items >= 0]) for items in lists]


def with_truth_first(items: Int32, truth: Int32) -> Int32:
    """Return the lists with the truth in front, as long as they were.

    Args:
        items: ``int32[prompts, n]``, -1 for a gap.
        truth: ``int32[prompts]``.
    """
    return distinct(np.concatenate((truth[:, None], items), axis=1))[:, : items.shape[1]]
