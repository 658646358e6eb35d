"""GenItem: the title of the next item, asked for many times (paper 4.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchkit.contracts.arrays import Int32
from benchkit.contracts.sessions import Sessions
from benchkit_plugins.recommenders.prompted.task import COUNT, Task
from benchkit_plugins.recommenders.prompted.titles import Title


class GenItem(Task):
    """One title a completion; the titles of 20 completions are ranked by frequency.

    Ties break by first appearance.
    """

    name = "gen-item"
    samples = COUNT
    max_tokens = 96
    optional = ()
    most = 1

    def _completions(self, prompts: Sessions, truth: Int32) -> list[str]:  # noqa: ARG002
        return [self.titles.shown[item] for item in truth]

    def _ranked(self, completions: Sequence[Sequence[Title]]) -> list[Title]:
        titles = [title for completion in completions for title in completion]
        counts = Counter(title.key for title in titles)
        first = {title.key: title for title in reversed(titles)}
        # most_common keeps those of equal counts in the order in which they first appeared
        return [first[key] for key, _ in counts.most_common()]
