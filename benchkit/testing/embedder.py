"""Conformance of embedders.

class TestMyEmbedder(EmbedderConformance):
    component = MyEmbedder
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchkit.contracts.arrays import Float32
from benchkit.contracts.config import Value
from benchkit.testing import samples
from benchkit.testing.checks import accepts, require, require_array, require_close, skip
from benchkit.testing.component import ComponentConformance, build
from benchkit.testing.processes import Results, elsewhere


class EmbedderConformance(ComponentConformance):
    """Subclass it, name your class `component`, and pytest checks the contract."""

    def test_one_finite_row_a_text(self) -> None:
        """Vectors are ``float32[texts, dim]``, finite and not zero, whatever the text.

        One that depends on all texts together may have nothing to say of some.
        """
        embedder = self.build()
        vectors = embedder.embed(samples.TEXTS)
        dim = vectors.shape[-1] if getattr(vectors, "ndim", 0) == 2 else 0
        require_array("embeddings", vectors, np.float32, (len(samples.TEXTS), dim))
        require(np.isfinite(vectors).all(), "embeddings must be finite")
        directed = embedder.needs_corpus or vectors.any(axis=1).all()
        require(directed, "no text may have a zero vector")

    def test_no_texts_are_no_error(self) -> None:
        """No texts give no rows."""
        with accepts("no text at all"):
            vectors = self.build().embed([])
        require(len(vectors) == 0, f"no texts must give no rows, not {len(vectors)}")

    def test_different_texts_differ(self) -> None:
        """Texts without a word in common are told apart."""
        one, other = self._rows("Rose hand cream", "Turbo racing simulator")
        require(not np.allclose(one, other), "unrelated texts get the same vector")

    def test_same_text_same_row(self) -> None:
        """A text that occurs twice gets one vector."""
        rows = self._rows("Rose hand cream", "a", "Rose hand cream")
        require_close("the same text twice", rows[0], rows[2])

    def test_order_does_not_matter(self) -> None:
        """Texts in another order give the same rows."""
        embedder = self.build()
        backwards = embedder.embed(samples.TEXTS[::-1])[::-1]
        require_close("texts in another order", embedder.embed(samples.TEXTS), backwards)

    def test_a_row_does_not_depend_on_its_neighbours(self) -> None:
        """A text alone gets the vector that it gets among others."""
        embedder = self.build()
        if embedder.needs_corpus:
            skip("its vectors depend on all texts together, as it declares")
        together = embedder.embed(samples.TEXTS)
        alone = np.concatenate([embedder.embed([text]) for text in samples.TEXTS])
        require_close("texts alone and together", together, alone)

    def test_another_process_gives_the_same(self) -> None:
        """One text, one vector, in every process."""
        self.build()
        there = elsewhere(embeddings, self.component, self.config)
        here = embeddings(self.component, self.config)
        require_close(
            "embeddings in another process (Python's hash() differs there)",
            here["vectors"],
            there["vectors"],
        )

    def _rows(self, *texts: str) -> Float32:
        vectors: Float32 = self.build().embed(texts)
        return vectors


def embeddings(component: type[Any], config: Mapping[str, Value]) -> Results:
    """Return the embeddings of the sample texts (an experiment)."""
    return {"vectors": build(component, config).embed(samples.TEXTS)}
