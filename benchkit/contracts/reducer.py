"""Reducers: from embeddings to embeddings of fewer dimensions."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from benchkit.contracts.arrays import Float32, Int32
from benchkit.contracts.component import Component


class Reducer(Component):
    """Base of every reducer (paper 3.2)."""

    kind: ClassVar[str] = "reducer"

    @abstractmethod
    def fit(self, vectors: Float32, classes: Int32, dim: int, seed: int) -> None:
        """Learn the reduction.

        Args:
            vectors: embeddings to learn from, ``float32[items, input dim]``.
            classes: class code of each item, ``int32[items]``, -1 where it has none.
            dim: dimensions wanted.
            seed: of everything random.
        """

    @abstractmethod
    def transform(self, vectors: Float32) -> Float32:
        """Return ``float32[items, dim]``, not normalised."""
