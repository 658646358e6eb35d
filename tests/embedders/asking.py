"""Embedding some texts as a run does: through the store, with the installed embedders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchkit.contracts.arrays import Float32
from benchkit.contracts.config import Value
from benchkit.embeddings.embed import Progress, embed_catalog, embedder, store_of
from benchkit.toolkit.embedding_store import EmbeddingStore
from benchkit.toolkit.spending import Account
from tests.making import catalog


def embedded(
    folder: Path,
    name: str,
    texts: Sequence[str],
    values: Mapping[str, Value] | None = None,
    *,
    spending: Account | None = None,
    progress: Progress | None = None,
) -> Float32:
    """Return the vectors of some texts."""
    items = replace(catalog(len(texts)), texts=list(texts))
    return embed_catalog(items, name, {name: values or {}}, folder, spending or Account(), progress)


def store(folder: Path, name: str, values: Mapping[str, Value]) -> EmbeddingStore:
    """Return the store that an embedder with these values uses."""
    return store_of(folder, embedder(name, values))


def kept(
    folder: Path, name: str, texts: Sequence[str], values: Mapping[str, Value] | None = None
) -> int:
    """Return how many of some texts the store holds."""
    return int(store(folder, name, values or {}).holds(texts).sum())
