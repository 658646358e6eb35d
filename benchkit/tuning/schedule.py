"""Which search of a run is next, what it builds on, and how long it may take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchkit.evaluation.settings import Tuned
from benchkit.toolkit.times import show_time
from benchkit.tuning.search import Search

# With this many seconds for each search it does not matter what a trial takes.
_PLENTY = 3600.0


@dataclass
class Queue:
    """Searches that wait for those of their parts.

    Attributes:
        searches: all of them.
        waiting: those that have not begun.
        open: those that have begun, and have not ended.
        results: what those that have ended came to, by recommender.
    """

    searches: Sequence[Search]
    waiting: list[Search] = field(init=False)
    open: list[Search] = field(default_factory=list)
    results: dict[str, Tuned] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waiting = list(self.searches)

    def take_ready(self) -> list[Search]:
        """Remove those whose parts' searches have ended, and return them built on their results.

        Of recommenders that build on each other the first one begins.
        """
        names = {search.recommender for search in self.searches} - set(self.results)
        ready = [s for s in self.waiting if not s.parts & (names - {s.recommender})]
        if not ready and not self.open:
            ready = self.waiting[:1]
        self.waiting = [search for search in self.waiting if search not in ready]
        return [search.on(self.results) for search in ready]


@dataclass
class Shares:
    """Equal shares of a time, but for what some searches do not need and others could not use.

    What a search leaves over (it has tried everything, or finds nothing better) goes to those that
    come after it. One whose first trial would not end within its share leaves it all to others, and
    is not started; the most expensive are the first to do without, and cheap ones go first.

    Attributes:
        left: seconds that are left for all searches together.
        limited: whether the time is one for all; else each search has its own.
        tight: whether it matters what a trial takes.
        estimates: seconds of the first trial, by recommender, where they have been estimated.
    """

    left: float
    limited: bool
    tight: bool
    estimates: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, searches: Sequence[Search]) -> Shares:
        """Return the shares of searches that have not begun."""
        total = sum(search.options.limit for search in searches)
        limited = any(search.options.seconds is not None for search in searches)
        return cls(total, limited, limited and total < _PLENTY * len(searches))

    def next(self, queue: Queue) -> tuple[Search, float]:
        """Return the search that is next, and its share in seconds."""
        if not self.limited:
            return queue.open[0], queue.open[0].options.limit
        # Those without an estimate come last: they may use up whatever they get.
        search = min(queue.open, key=lambda search: self._cost(search) or math.inf)
        return search, self._share([*queue.open, *queue.waiting])

    def suffices(self, search: Search, share: float) -> bool:
        """Tell whether a first trial may end within a share: the estimate is not above it."""
        return self._cost(search) <= share

    def _share(self, searches: Sequence[Search]) -> float:
        """Return the seconds of each where those do without whose trials take longer."""
        costs = sorted(map(self._cost, searches))
        for count in range(len(costs), 0, -1):
            if costs[count - 1] <= self.left / count:
                return self.left / count
        return 0.0

    def _cost(self, search: Search) -> float:
        return self.estimates.get(search.recommender, 0.0)

    def reason_not_started(self, search: Search) -> str:
        """Return why a search whose share does not suffice is not started."""
        cost = self._cost(search)
        takes = f"about {show_time(cost)}" if math.isfinite(cost) else "too long to be estimated"
        return f"not started: a trial takes {takes}, more than its share of the time"
