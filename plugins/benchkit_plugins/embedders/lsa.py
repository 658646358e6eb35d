"""LSA: latent semantic analysis of the titles; needs no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchkit import Config, Embedder, hookimpl, param
from benchkit.contracts.arrays import Float32
from benchkit.contracts.embedder import Ask


@dataclass(frozen=True, kw_only=True)
class LSAConfig(Config):
    """How many dimensions, and the seed."""

    dims: int = param(256, "dimensions; fewer where there are fewer texts or words", at_least=1)
    seed: int = param(0, "of the randomised decomposition", at_least=0)


class LSA(Embedder):
    """TF-IDF of the words, reduced by a singular value decomposition.

    What a text's words alone tell, learnt from the catalog: the baseline for embeddings (paper
    3.1) that know language. Frequencies count by their logarithm; a text of no words gets zeros.
    """

    name = "lsa"
    source = "Deerwester et al. 1990, Indexing by Latent Semantic Analysis"
    needs_corpus = True
    preference = 1
    Config = LSAConfig
    config: LSAConfig

    def embed(self, texts: Sequence[str]) -> Float32:
        """Return vectors learnt from these very texts, ``float32[texts, at most dims]``."""
        # by text, so that the catalog's order decides nothing where singular values are equal
        order = np.array(sorted(range(len(texts)), key=lambda row: texts[row]), dtype=np.int64)
        learnt, _ = self._learn([texts[row] for row in order])
        vectors = np.empty_like(learnt)
        vectors[order] = learnt
        return vectors

    def embed_new(self, texts: Sequence[str], corpus: Sequence[str], ask: Ask) -> Float32:  # noqa: ARG002
        """Return vectors of other texts in the catalog's words; zeros where they share none."""
        _, transform = self._learn(sorted(corpus))
        return transform(texts)

    def _learn(self, texts: Sequence[str]) -> tuple[Float32, Callable[[Sequence[str]], Float32]]:
        """Return the texts' vectors, and what gives those of others."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")  # noqa: S106
        try:
            counts = words.fit_transform(texts)
        except ValueError:  # no text has a word
            return _nothing(texts), _nothing
        reducer = TruncatedSVD(min(self.config.dims, *counts.shape), random_state=self.config.seed)
        vectors: Float32 = reducer.fit_transform(counts).astype(np.float32)
        return vectors, lambda others: reducer.transform(words.transform(others)).astype(np.float32)


def _nothing(texts: Sequence[str]) -> Float32:
    return np.zeros((len(texts), 1), dtype=np.float32)


@hookimpl
def benchkit_embedders() -> list[type[Embedder]]:
    return [LSA]
