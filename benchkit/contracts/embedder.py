"""Embedders: from the catalog's texts to vectors (paper 3.1)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchkit.contracts.arrays import Bool, Float32, Int64
from benchkit.contracts.component import Component
from benchkit.contracts.config import Value
from benchkit.contracts.errors import UnavailableError

# Vectors of another embedder for the same texts: (its name) -> float32[texts, dim].
Ask = Callable[[str], Float32]


@dataclass(frozen=True)
class Estimate:
    """What embedding some texts would take.

    Attributes:
        texts: how many.
        tokens: how many tokens, 0 where nobody counts them.
        dollars: US dollars, 0 where it is free.
    """

    texts: int
    tokens: int = 0
    dollars: float = 0.0


@dataclass(frozen=True, eq=False)
class Batch:
    """Some texts' vectors, as soon as they are there.

    Attributes:
        rows: which of the given texts, ``int64[batch]``.
        vectors: ``float32[batch, dim]``.
        tokens: tokens that were paid for.
        dollars: what they cost.
        reserved: dollars that `allow` was told for them; what they cost takes its place.
        cut: which of the texts are longer than the embedder reads, ``bool[batch]``; None where it
            cannot tell.
    """

    rows: Int64
    vectors: Float32
    tokens: int = 0
    dollars: float = 0.0
    reserved: float = 0.0
    cut: Bool | None = None


class Embedder(Component):
    """Base of every embedder.

    The core asks only for texts that its store does not hold, keeps every batch as it arrives, and
    refuses vectors that are wrong (not finite, zero, of another dimension, too few). Empty texts
    never reach an embedder.

    Attributes:
        paid: whether it costs money; then it is used only where it is named.
        needs_corpus: whether a vector depends on all texts together; then nothing is kept.
        batch_size: texts that `embed` is given at a time by the default `batches`.
        preference: among those that cost nothing and can run, the highest is used where nobody
            names one; 0 for never.
    """

    kind: ClassVar[str] = "embedder"
    paid: ClassVar[bool] = False
    needs_corpus: ClassVar[bool] = False
    batch_size: ClassVar[int] = 512
    preference: ClassVar[int] = 0

    def identity(self) -> dict[str, Value]:
        """Return what decides the vectors: equal identity and text, equal vector.

        By default the whole configuration; leave out what does not change vectors, and add the
        version of what is not in the configuration. Where it costs nothing the plugin's source
        counts, too: edited, it embeds its texts again. It must be computable where the embedder
        itself cannot run, so that the store serves offline; and it is written down: no secrets.
        """
        return self.config.as_dict()

    def estimate(self, texts: Sequence[str]) -> Estimate:
        """Return what `batches(texts)` would take, before anything is asked."""
        return Estimate(len(texts))

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> Float32:
        """Return one vector a text, ``float32[texts, dim]``.

        Args:
            texts: non-empty texts, hostile as all titles are.
        """

    def embed_corpus(self, texts: Sequence[str], ask: Ask) -> Float32:  # noqa: ARG002
        """Return one vector a text where `needs_corpus` is set, ``float32[texts, dim]``.

        Args:
            texts: all non-empty texts of the catalog.
            ask: vectors of another embedder for the same texts, by its name (see `requires`).
        """
        return self.embed(texts)

    def embed_new(self, texts: Sequence[str], corpus: Sequence[str], ask: Ask) -> Float32:  # noqa: ARG002
        """Return vectors of texts outside the catalog where `needs_corpus` is set, beside its own.

        Nothing is learnt from them: a text's vector does not depend on the others.

        Args:
            texts: non-empty, distinct texts.
            corpus: what `embed_corpus` is given.
            ask: vectors of another embedder for `texts`, by its name.

        Returns:
            ``float32[texts, dim]``, of the dimensions that `embed_corpus` returns.

        Raises:
            UnavailableError: it cannot tell, which is the default.
        """
        raise UnavailableError(f"{self.name} embeds nothing but the catalog; choose another")

    def batches(self, texts: Sequence[str], allow: Callable[[float], None]) -> Iterator[Batch]:
        """Yield vectors in any order, batch by batch.

        Args:
            texts: non-empty, distinct texts.
            allow: to be called, from any thread, with the dollars of a call before it is sent;
                raises where the cap would be exceeded. Yield what has arrived before raising.
        """
        allow(0.0)
        for start in range(0, len(texts), self.batch_size):
            part = texts[start : start + self.batch_size]
            rows = np.arange(start, start + len(part), dtype=np.int64)
            yield Batch(rows, self.embed(part))
