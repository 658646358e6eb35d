"""Recommenders: fit on sessions, then answer prompts with ranked lists."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from benchkit.contracts.component import Component
from benchkit.contracts.sessions import Int32, Sessions

if TYPE_CHECKING:
    from benchkit.bench import Bench
    from benchkit.protocol import ProtocolName

Float32 = npt.NDArray[np.float32]

# What a recommender keeps out of its lists: nothing, the items it reads of the prompt, or the
# whole prompt. `--protocol strict` sets "prompt"; of a recommender without such a parameter it asks
# longer lists, and takes seen items out.
ExcludeSeen = Literal["none", "read", "prompt"]


@dataclass(frozen=True, eq=False)
class Recommendations:
    """Ranked lists, best first.

    Attributes:
        items: item codes, ``int32[prompts, k]``; -1 behind the end of a short list.
        scores: scores, ``float32[prompts, k]``, descending; ``-inf`` where items is -1.
    """

    items: Int32
    scores: Float32

    @classmethod
    def empty(cls, prompts: int, k: int) -> Recommendations:
        """Return lists without any item, to be filled."""
        return cls(
            np.full((prompts, k), -1, dtype=np.int32),
            np.full((prompts, k), -np.inf, dtype=np.float32),
        )


class Recommender(Component):
    """Base of every recommender.

    A recommender whose configuration has a field ``exclude_seen`` (see `ExcludeSeen`) keeps seen
    items out itself, most simply by `benchkit.ranking.top_k`.

    Attributes:
        protocol: the one protocol that this recommender is evaluated under, in a table of its
            own; None: whichever the run is for.
    """

    kind: ClassVar[str] = "recommender"
    protocol: ClassVar[ProtocolName | None] = None

    @abstractmethod
    def fit(self, train: Sessions, bench: Bench) -> None:
        """Learn from training sessions, forgetting whatever was learnt before.

        Args:
            train: training sessions, ordered by their last timestamp, none empty; read-only.
            bench: catalog, popularity, seed, embeddings; other recommenders.
        """

    @abstractmethod
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        """Return each prompt's `k` best items, in batches of bounded memory.

        Args:
            prompts: sessions to continue; any length, also 0; may hold items never seen in
                training; read-only.
            k: length of the lists, at least 1; may exceed the catalog, then lists are short.

        Returns:
            Distinct item codes and scores; a prompt's list does not depend on its neighbours.
        """
