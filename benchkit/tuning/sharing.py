"""How the time of a run is shared by its searches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchkit.toolkit.times import show_time
from benchkit.tuning.queue import Queue
from benchkit.tuning.search import Search

# With this many seconds for each search nobody asks what its trials take.
_PLENTY = 3600.0


@dataclass
class Shares:
    """Equal shares of a time, but for what some searches do not need and others could not use.

    What a search leaves over (it has tried everything, or finds nothing better) goes to those that
    come after it. One whose first trial would not end within its share leaves it all to others, and
    is not begun; the dearest are the first to do without, and cheap ones go first.

    Attributes:
        total: seconds of all searches together.
        left: those that are left.
        limited: whether the time is one for all; else each search has its own.
        tight: whether it matters what a trial takes.
        estimates: seconds of the first trial, by recommender, where they are known.
    """

    total: float
    left: float
    limited: bool
    tight: bool
    estimates: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, searches: Sequence[Search]) -> Shares:
        """Return the shares of searches that have not begun."""
        total = sum(search.options.limit for search in searches)
        limited = any(search.options.seconds is not None for search in searches)
        return cls(total, total, limited, limited and total < _PLENTY * len(searches))

    def use(self, seconds: float) -> None:
        """Note that a search has used some seconds."""
        self.left -= seconds

    def next(self, queue: Queue) -> tuple[Search, float]:
        """Return the search that is next, and its share in seconds."""
        if not self.limited:
            return queue.begun[0], queue.begun[0].options.limit
        # Those of which nothing is known come last: they may use up whatever they get.
        search = min(queue.begun, key=lambda each: self._cost(each) or math.inf)
        return search, self._share([*queue.begun, *queue.waiting])

    def suffices(self, search: Search, share: float) -> bool:
        """Tell whether a first trial may end within a share: it is not known to take longer."""
        return self._cost(search) <= share

    def _share(self, searches: Sequence[Search]) -> float:
        """Return the seconds of each where those do without that are too dear for it."""
        costs = sorted(map(self._cost, searches))
        for count in range(len(costs), 0, -1):
            if costs[count - 1] <= self.left / count:
                return self.left / count
        return 0.0

    def _cost(self, search: Search) -> float:
        return self.estimates.get(search.recommender, 0.0)

    def too_dear(self, search: Search) -> str:
        """Return why a search is not begun."""
        cost = self._cost(search)
        takes = f"about {show_time(cost)}" if math.isfinite(cost) else "too long to be estimated"
        return f"not begun: a trial takes {takes}, more than its share of the time"
