"""The searches of a run in an order in which what others build on comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchkit.evaluation.settings import Frozen
from benchkit.tuning.search import Search


@dataclass
class Queue:
    """Searches that wait for those of their parts.

    Attributes:
        searches: all of them.
        waiting: those that have not begun.
        begun: those that have, and have not ended.
        found: what those that have ended found, by recommender.
    """

    searches: Sequence[Search]
    waiting: list[Search] = field(init=False)
    begun: list[Search] = field(default_factory=list)
    found: dict[str, Frozen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waiting = list(self.searches)

    def ready(self) -> list[Search]:
        """Return those whose parts' searches have ended, built on what these found.

        They wait no more. Of recommenders that build on each other the first one begins.
        """
        names = {search.recommender for search in self.searches} - set(self.found)
        ready = [s for s in self.waiting if not s.parts & (names - {s.recommender})]
        if not ready and not self.begun:
            ready = self.waiting[:1]
        self.waiting = [search for search in self.waiting if search not in ready]
        return [search.on(self.found) for search in ready]
