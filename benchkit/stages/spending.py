"""What paid calls use up, and the cap that they must not exceed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from benchkit.errors import BenchkitError


class Paid(Protocol):
    """What a call has taken.

    Attributes:
        tokens: tokens paid for.
        dollars: what they cost.
        promised: dollars that were promised for it.
    """

    @property
    def tokens(self) -> int: ...

    @property
    def dollars(self) -> float: ...

    @property
    def promised(self) -> float: ...


@dataclass
class Spending:
    """What paid calls have used up, and the cap; calls may come from several threads.

    A call's dollars are promised before it is sent, from an estimate, and replaced by what it did
    cost when it arrives. A call that never arrives may have been paid for: its promise stands.

    Attributes:
        cap: US dollars that must not be exceeded; None for no cap.
        tokens: tokens paid for so far.
        dollars: US dollars so far.
        watch: told `committed` before each paid call is sent, by the thread that sends it.
    """

    cap: float | None = None
    tokens: int = 0
    dollars: float = 0.0
    watch: Callable[[float], None] | None = field(default=None, repr=False, compare=False)
    _promised: float = field(default=0.0, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def committed(self) -> float:
        """US dollars spent or promised."""
        return self.dollars + self._promised

    def allow(self, dollars: float) -> None:
        """Promise a call's dollars.

        Raises:
            BenchkitError: the cap would be exceeded; what has arrived is kept.
        """
        with self._lock:
            spent = self.committed
            # a free call is allowed even where earlier estimates were too low
            if self.cap is not None and dollars > 0 and spent + dollars > self.cap:
                raise BenchkitError(
                    f"the cap of ${self.cap:g} would be exceeded: ${spent:.4f} spent or asked for, "
                    f"the next call about ${dollars:.4f}; what has arrived is kept, and a larger "
                    "--max-cost goes on from there"
                )
            self._promised += dollars
        if self.watch is not None and dollars > 0:
            self.watch(spent + dollars)

    def note(self, answer: Paid) -> None:
        """Count what an answer took, in place of what was promised for it."""
        with self._lock:
            self.tokens += answer.tokens
            self.dollars += answer.dollars
            self._promised = max(0.0, self._promised - answer.promised)
