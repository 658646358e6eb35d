"""Session embeddings: parameters, and the weighted average of items' embeddings (paper 3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from benchkit import Choice, Config, param
from benchkit.contracts.arrays import Bool, Float32, Float64
from benchkit.contracts.sessions import Sessions, offsets_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array


Pooling = Literal[
    "mean",
    "last",
    "constant-linear",
    "scaling-linear",
    "scaling-quadratic",
    "scaling-cubic",
    "log",
    "harmonic",
    "squared-harmonic",
]
POOLINGS: tuple[str, ...] = get_args(Pooling)
LEAST = 1e-5  # smallest weight of the linear decays and their powers
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


def weights(sessions: Sessions, pooling: Pooling) -> Float64:
    """Return the weight of each interaction before averaging (Table 1).

    With d, the distance from the session's end (last item: 1), and L, the session's length:
    mean 1; last 1 where d = 1, else 0; constant linear max(1e-5, 1 - 0.1(d - 1)); scaling linear
    max(1e-5, 1 - (d - 1)/L), scaling quadratic and cubic its powers; log 1/(ln d + 1), where
    Table 1 prints 1/log(i + 1); harmonic 1/d; squared harmonic 1/d^2.

    Returns:
        ``float64[interactions]``.
    """
    d = sessions.distances.astype(np.float64)
    if pooling == "mean":
        return np.ones(len(d))
    if pooling == "last":
        return np.where(d == 1, 1.0, 0.0)
    if pooling == "constant-linear":
        return np.maximum(LEAST, 1 - 0.1 * (d - 1))
    if pooling == "log":
        return np.asarray(1 / (np.log(d) + 1))
    if pooling in ("harmonic", "squared-harmonic"):
        return np.asarray(1 / d if pooling == "harmonic" else 1 / d**2)
    scaling = np.maximum(LEAST, 1 - (d - 1) / np.repeat(sessions.lengths, sessions.lengths))
    power = {"scaling-linear": 1, "scaling-quadratic": 2, "scaling-cubic": 3}[pooling]
    return np.asarray(scaling**power)


def pool(sessions: Sessions, vectors: Float32, present: Bool, pooling: Pooling) -> Float32:
    """Return the embedding of each session; zero where no item of it has one.

    Items without an embedding (no text) are passed over as if they were not in the session: a zero
    among the averaged would shrink the others, and as the last item it would leave nothing.

    Args:
        sessions: any sessions, empty ones too.
        vectors: embedding of each item, ``float32[items, dim]``.
        present: which items have one, ``bool[items]``.
        pooling: how the items weigh.

    Returns:
        ``float32[sessions, dim]``.
    """
    embedded = sessions.where(present[sessions.items])
    shares = weights(embedded, pooling)
    # Sums from one interaction to the next would differ with the sessions before: add by session.
    totals = np.bincount(embedded.owners, shares, minlength=len(embedded))
    shares /= np.repeat(totals, embedded.lengths)
    averages: Float32 = _rows(embedded, shares.astype(np.float32), len(vectors)) @ vectors
    return averages


def _rows(sessions: Sessions, values: Float32, items: int) -> csr_array[np.float32]:
    from scipy.sparse import csr_array

    shape = (len(sessions), items)
    return csr_array((values, sessions.items, offsets_of(sessions.lengths)), shape=shape)
