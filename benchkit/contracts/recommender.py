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

    def problem(self, prompts: int, k: int, items: int) -> str:
        """Return what is wrong with the lists, "" if nothing; scores of padding may be any number.

        Args:
            prompts: how many lists there should be.
            k: how long.
            items: of the catalog.
        """
        for what, array, kind in (
            ("items", self.items, "int32"),
            ("scores", self.scores, "float32"),
        ):
            if not isinstance(array, np.ndarray):
                return f"{what} in a {type(array).__name__}, not an array"
            if array.shape != (prompts, k) or array.dtype != kind:
                return f"{what} {array.dtype}{list(array.shape)}, not {kind}{[prompts, k]}"
        if self.items.size and not (self.items.min() >= -1 and self.items.max() < items):
            return f"item codes outside the catalog of {items}"
        if np.isnan(self.scores).any():
            return "scores that are not a number"
        listed = self.items >= 0
        ranked = np.sort(np.where(listed, self.items, np.arange(-k, 0, dtype=np.int32)), axis=1)
        for what, wrong in (
            ("an item behind the end of its list", listed[:, 1:] & ~listed[:, :-1]),
            ("an item without a finite score", listed & ~np.isfinite(self.scores)),
            ("scores that ascend", listed[:, 1:] & (self.scores[:, 1:] > self.scores[:, :-1])),
            ("an item twice", ranked[:, 1:] == ranked[:, :-1]),
        ):
            if wrong.any():
                return f"{what} for prompt {int(wrong.any(axis=1).argmax())}"
        return ""


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
