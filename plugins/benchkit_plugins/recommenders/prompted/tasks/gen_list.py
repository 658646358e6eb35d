"""GenList: the titles of the next items, likeliest first, in one completion (paper 4.2)."""

from __future__ import annotations

from benchkit_plugins.recommenders.prompted.tasks.similar import SimilarTask


class GenList(SimilarTask):
    """20 titles a completion; it learns from LLMSeqSim's list with the truth put first."""

    name = "gen-list"
    samples = 1
    max_tokens = 768
