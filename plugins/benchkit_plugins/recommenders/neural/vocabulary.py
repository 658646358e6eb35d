"""The items a network knows: those of its training sessions, under dense codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchkit import Sessions
from benchkit.contracts.sessions import Int32, Int64
from benchkit.ranking import tie_order


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Trained items: only they are read, scored and recommended (`PROTOCOL.md`, candidates).

    Attributes:
        codes: catalog code of each trained item, ascending, ``int32[items]``.
        ties: each trained item's place among equal scores, ``int64[items]``.
    """

    codes: Int32
    ties: Int64

    @classmethod
    def of(cls, train: Sessions, catalog_size: int) -> Vocabulary:
        """Return the vocabulary of training sessions."""
        codes = np.unique(train.items)
        return cls(codes, tie_order(train, catalog_size)[codes])

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

    def decode(self, items: Int32) -> Int32:
        """Return catalog codes of dense codes; -1 stays -1."""
        return np.append(self.codes, np.int32(-1))[items]
