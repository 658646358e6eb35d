"""What paid calls cost, as those who send them tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Priced(Protocol):
    """What something has cost.

    Attributes:
        tokens: tokens paid for.
        dollars: US dollars.
    """

    @property
    def tokens(self) -> float: ...

    @property
    def dollars(self) -> float: ...


class Paid(Priced, Protocol):
    """What a call has taken.

    Attributes:
        reserved: dollars that were reserved for it.
    """

    @property
    def tokens(self) -> int: ...

    @property
    def reserved(self) -> float: ...


class Spending(Protocol):
    """The account that paid calls are charged to, and its cap."""

    def allow(self, dollars: float) -> None:
        """Reserve a call's dollars before it is sent.

        Raises:
            BenchkitError: the cap would be exceeded; what has arrived is kept.
        """

    def note(self, answer: Paid, *, stored: bool = False) -> None:
        """Charge what an answer took, in place of what was reserved for it.

        Args:
            answer: what has arrived.
            stored: whether it is kept with its cost, and `use` is called by whoever reads it.
        """

    def use(self, store: str, costs: Mapping[str, Priced | None]) -> None:
        """Count what kept answers have cost that the result rests on, each once.

        Args:
            store: where they are kept.
            costs: by key within the store; None where nobody noted it.
        """
