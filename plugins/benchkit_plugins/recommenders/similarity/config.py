"""Where item embeddings come from: the parameters of what lives on them."""

from __future__ import annotations

from dataclasses import dataclass

from benchkit import Choice, Config, param

_REDUCERS = ("pca", "autoencoder", "lda", "random-projection")


@dataclass(frozen=True, kw_only=True)
class EmbeddedConfig(Config):
    """Embedder, reducer and dimensions; ranges of the paper's online material."""

    embedder: str = param("minilm", "where the item embeddings come from", names="embedder")
    reducer: str | None = param(
        "pca",
        "how the embeddings are reduced; none: not at all",
        search=Choice(None, *_REDUCERS),
        names="reducer",
    )
    dim: int | None = param(
        256,
        "dimensions they are reduced to, at most those they have; none: as many",
        search=Choice(64, 128, 256, 512),
        at_least=1,
        when={"reducer": _REDUCERS},
    )
