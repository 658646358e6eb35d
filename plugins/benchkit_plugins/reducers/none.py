"""No reduction: embeddings as they are."""

from __future__ import annotations

from benchkit import Reducer, hookimpl
from benchkit.contracts.arrays import Float32, Int32


class NoReduction(Reducer):
    """Embeddings as they are, or their first dimensions where fewer are wanted.

    To cut a vector off is a reduction for embedders that were trained for it (OpenAI's
    text-embedding-3, for one); of others the first dimensions are as good as any.
    """

    name = "none"
    source = "paper 3.2"

    def fit(self, vectors: Float32, classes: Int32, dim: int, seed: int) -> None:  # noqa: ARG002
        self._dim = dim

    def transform(self, vectors: Float32) -> Float32:
        return vectors[:, : self._dim].copy()


@hookimpl
def benchkit_reducers() -> list[type[Reducer]]:
    return [NoReduction]
