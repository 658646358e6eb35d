"""Shuffled: another embedder's vectors, dealt out to the wrong texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchkit import Config, Embedder, hookimpl, param
from benchkit.contracts.arrays import Float32
from benchkit.contracts.embedder import Ask


@dataclass(frozen=True, kw_only=True)
class ShuffledConfig(Config):
    """Whose vectors, and the seed."""

    of: str = param("minilm", "the embedder whose vectors are shuffled", names="embedder")
    seed: int = param(0, "another seed, another order", at_least=0)


class Shuffled(Embedder):
    """Another embedder's vectors in a random order: no text keeps its own.

    The control that shows that semantics help, not the vectors' statistics: these stay as they
    are. The order depends on the seed and the texts, not on the order of the catalog.
    """

    name = "shuffled"
    source = "ours"
    needs_corpus = True
    Config = ShuffledConfig
    config: ShuffledConfig

    def embed(self, texts: Sequence[str]) -> Float32:
        """Refuse: there is nothing to shuffle without another embedder."""
        raise NotImplementedError("use embed_corpus")

    def embed_corpus(self, texts: Sequence[str], ask: Ask) -> Float32:
        """Return the other embedder's rows, each at the place of another text."""
        vectors = ask(self.config.of)
        by_text = np.array(sorted(range(len(texts)), key=lambda row: texts[row]), dtype=np.int64)
        circle = np.random.default_rng(self.config.seed).permutation(by_text)
        shuffled = np.empty_like(vectors)
        shuffled[circle] = vectors[np.roll(circle, 1)]
        return shuffled

    def embed_new(self, texts: Sequence[str], corpus: Sequence[str], ask: Ask) -> Float32:  # noqa: ARG002
        """Return the other embedder's own vectors: what they are near to is an accident already."""
        return ask(self.config.of)


@hookimpl
def benchkit_embedders() -> list[type[Embedder]]:
    return [Shuffled]
