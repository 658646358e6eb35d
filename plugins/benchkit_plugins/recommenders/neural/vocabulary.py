"""The items a network knows: those of its training sessions, under dense codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchkit import Sessions
from benchkit.contracts.arrays import Int32


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Trained items: only they are read, scored and recommended (`PROTOCOL.md`, candidates).

    Attributes:
        codes: catalog code of each trained item, ascending, ``int32[items]``.
    """

    codes: Int32

    @classmethod
    def of(cls, train: Sessions) -> Vocabulary:
        """Return the vocabulary of training sessions."""
        return cls(np.unique(train.items))

    def __len__(self) -> int:
        """Return the number of trained items."""
        return len(self.codes)

    def encode(self, sessions: Sessions) -> Sessions:
        """Return sessions in dense codes; items never trained on are left out."""
        if not len(self):
            return sessions.where(np.zeros(sessions.interactions, dtype=bool))
        places = np.searchsorted(self.codes, sessions.items).clip(max=len(self) - 1)
        known = self.codes[places] == sessions.items
        dense = Sessions(places.astype(np.int32), sessions.offsets, sessions.times, sessions.ids)
        return dense if known.all() else dense.where(known)
