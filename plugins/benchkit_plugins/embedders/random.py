"""Random vectors: what embeddings are worth that say nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchkit import Config, Embedder, hookimpl, param
from benchkit.contracts.arrays import Float32


@dataclass(frozen=True, kw_only=True)
class RandomConfig(Config):
    """How many dimensions, and the seed."""

    dims: int = param(256, "dimensions", at_least=1)
    seed: int = param(0, "another seed, other vectors", at_least=0)


class Random(Embedder):
    """Standard normal vectors, drawn for each text by itself.

    A control: all that a model then has of an item is that it is another one. The vector is hashed
    from the seed and the text, so it is the same in every catalog and every version of NumPy.
    """

    name = "random"
    source = "ours"
    Config = RandomConfig
    config: RandomConfig

    def embed(self, texts: Sequence[str]) -> Float32:
        pairs = (self.config.dims + 1) // 2
        bits = np.zeros((len(texts), 2, pairs), dtype=np.uint32)
        for row, text in enumerate(texts):
            seeded = f"{self.config.seed}/{text}".encode("utf-8", "surrogatepass")
            digest = hashlib.shake_256(seeded).digest(8 * pairs)
            bits[row] = np.frombuffer(digest, dtype="<u4").reshape(2, pairs)
        uniform = (bits + 0.5) / 2.0**32
        # Box and Muller: two uniform numbers become two normal ones
        radius, angle = np.sqrt(-2 * np.log(uniform[:, 0])), 2 * np.pi * uniform[:, 1]
        normal = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
        vectors: Float32 = normal[:, : self.config.dims].astype(np.float32)
        return vectors


@hookimpl
def benchkit_embedders() -> list[type[Embedder]]:
    return [Random]
