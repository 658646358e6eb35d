"""What paid calls use up, the cap that they must not exceed, and what a result has cost."""

from __future__ import annotations

import math
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from benchkit.contracts.errors import BenchkitError
from benchkit.contracts.spending import Paid, Priced
from benchkit.toolkit.files import write_atomically


@dataclass(frozen=True)
class Cost:
    """Tokens paid for and US dollars."""

    tokens: float = 0.0
    dollars: float = 0.0


@dataclass(frozen=True)
class SharedBudget:
    """US dollars that the processes of a run have spent or reserved together.

    What a process had reserved when it was killed stays in it: it may have been paid.

    Attributes:
        path: file that holds the sum; none holds 0.
    """

    path: Path

    @classmethod
    @contextmanager
    def empty(cls) -> Iterator[SharedBudget]:
        """Give a shared budget for the time of a run."""
        with tempfile.TemporaryDirectory(prefix="benchkit-") as folder:
            yield cls(Path(folder) / "dollars")

    def add(self, dollars: float, permit: Callable[[float], None] = lambda _sum: None) -> None:
        """Add dollars, unless `permit`, told the sum before, raises."""
        with FileLock(self.path.with_suffix(".lock")):
            before = float(self.path.read_text()) if self.path.exists() else 0.0
            permit(before)
            write_atomically(self.path, repr(before + dollars))


@dataclass
class Account:
    """What paid calls have used up, and the cap; calls may come from several threads.

    A call's dollars are reserved before it is sent, from an estimate, and replaced by what it did
    cost when it arrives. A call that never arrives may have been paid for: it stays reserved.

    What a result has cost is another sum: of the kept vectors and answers that it rests on,
    whichever process paid for them.

    Attributes:
        cap: US dollars that must not be exceeded; None for no cap.
        reserve: US dollars of them that are kept for something else.
        shared_budget: what the cap is on; None where it is on this spending alone.
        tokens: tokens paid for so far.
        dollars: US dollars so far.
        unstored: what was paid for and is in no store, so that nobody else can use it.
        watch: told `committed` before each paid call is sent, by the thread that sends it.
    """

    cap: float | None = None
    reserve: float = 0.0
    shared_budget: SharedBudget | None = None
    tokens: int = 0
    dollars: float = 0.0
    unstored: Cost = Cost()
    watch: Callable[[float], None] | None = field(default=None, repr=False, compare=False)
    _reserved: float = field(default=0.0, repr=False)
    _used: dict[tuple[str, str], Priced | None] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def committed(self) -> float:
        """US dollars spent or reserved."""
        return self.dollars + self._reserved

    def allow(self, dollars: float) -> None:
        """Reserve a call's dollars, as `Spending` says."""
        if not dollars:  # allowed even where earlier estimates were too low
            return
        with self._lock:
            if self.shared_budget is None:
                self._permit(self.committed, dollars)
            else:
                self.shared_budget.add(dollars, lambda spent: self._permit(spent, dollars))
            self._reserved += dollars
            committed = self.committed
        if self.watch is not None:
            self.watch(committed)

    def note(self, answer: Paid, *, stored: bool = False) -> None:
        """Count what an answer took, as `Spending` says."""
        with self._lock:
            if not stored:
                self.unstored = Cost(
                    self.unstored.tokens + answer.tokens, self.unstored.dollars + answer.dollars
                )
            before = self.committed
            self.tokens += answer.tokens
            self.dollars += answer.dollars
            self._reserved = max(0.0, self._reserved - answer.reserved)
            if self.shared_budget is not None and self.committed != before:
                self.shared_budget.add(self.committed - before)

    def use(self, store: str, costs: Mapping[str, Priced | None]) -> None:
        """Count what kept answers have cost, as `Spending` says."""
        with self._lock:
            self._used |= {(store, key): cost for key, cost in costs.items()}

    def used(self) -> dict[str, float]:
        """Return what the result has cost: ``tokens``, ``cost`` (US dollars), ``unknown``.

        ``unknown`` counts the vectors and answers whose cost nobody noted; it is left out where
        there are none.
        """
        costs = [self.unstored, *(cost for cost in self._used.values() if cost is not None)]
        unknown = len(self._used) + 1 - len(costs)
        return {
            "tokens": round(sum(cost.tokens for cost in costs)),
            "cost": math.fsum(cost.dollars for cost in costs),
            **({"unknown": unknown} if unknown else {}),
        }

    def _permit(self, spent: float, dollars: float) -> None:
        if self.cap is None or spent + dollars <= self.cap - self.reserve:
            return
        kept = f"${self.reserve:.4f} kept for the evaluation, " if self.reserve else ""
        raise BenchkitError(
            f"the cap of ${self.cap:g} would be exceeded: ${spent:.4f} spent or asked for, {kept}"
            f"the next call about ${dollars:.4f}; what has arrived is kept and not paid for again "
            "(--max-cost)"
        )
