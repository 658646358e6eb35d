"""Embedding the catalog: what the store holds is read, the rest is asked for, checked and kept."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from pathlib import Path

import numpy as np

from benchkit.components.registry import registry
from benchkit.contracts.arrays import Bool, Float32
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.embedder import Embedder, Estimate
from benchkit.contracts.errors import ConfigError, PluginError, UnavailableError
from benchkit.embeddings.check import check_rows, check_vectors
from benchkit.toolkit.embedding_store import EmbeddingStore
from benchkit.toolkit.spending import Account

# Called with how many texts of how many are embedded.
Progress = Callable[[int, int], None]
# Values of components, by name and parameter.
Settings = Mapping[str, Mapping[str, object]]


def embedder(name: str, values: Mapping[str, object]) -> Embedder:
    """Return a configured embedder.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    kind = registry().get("embedder", name).component
    made = kind(kind.Config.create(values, name))
    assert isinstance(made, Embedder)
    return made


def default_embedder() -> str:
    """Return the embedder to use where nobody names one.

    Raises:
        UnavailableError: none that costs nothing can run here.
    """
    ranked = sorted(
        (-kind.preference, name)
        for name, entry in registry().components["embedder"].items()
        if issubclass(kind := entry.component, Embedder)
        and kind.preference > 0
        and not kind.paid
        and kind.unavailable() is None
    )
    if not ranked:
        raise UnavailableError("no embedder can run here; `benchkit list embedders` says why")
    return ranked[0][1]


def to_embed(catalog: Catalog, learnt: Bool | None = None) -> list[str]:
    """Return the distinct non-empty texts of a catalog, in order of appearance.

    Args:
        catalog: the items.
        learnt: which of them count, ``bool[items]``; None for all.
    """
    texts = catalog.texts if learnt is None else compress(catalog.texts, learnt)
    return list(dict.fromkeys(text for text in texts if text))


def missing(
    name: str, settings: Settings, texts: Sequence[str], workspace: Path
) -> tuple[list[str], Estimate]:
    """Return the texts to ask for, and what asking would take; nothing is asked.

    For an embedder that depends on all texts together, it is what those that it asks lack.

    Args:
        name: the embedder's name.
        settings: values of embedders, by name.
        texts: distinct, non-empty.
        workspace: folder that holds the store.

    Raises:
        UnavailableError: the price is not published.
        ConfigError: a value does not fit, or embedders ask one another in a cycle.
    """
    _refuse_cycle(name, settings)
    model = embedder(name, settings.get(name, {}))
    if not model.needs_corpus:
        present = store_of(workspace, model).holds(texts)
        lacking = list(compress(texts, ~present))
        return lacking, model.estimate(lacking)
    parts = [missing(other, settings, texts, workspace) for other in _asked_by(model)]
    total = Estimate(
        sum(estimate.texts for _, estimate in parts),
        sum(estimate.tokens for _, estimate in parts),
        sum(estimate.dollars for _, estimate in parts),
    )
    return [text for lacking, _ in parts for text in lacking], total


def _asked_by(asking: Embedder) -> list[str]:
    return [name for kind, name in asking.requires() if kind == "embedder"]


def _refuse_cycle(name: str, settings: Settings, chain: tuple[str, ...] = ()) -> None:
    if name in chain:
        raise ConfigError(f"{' asks '.join([*chain, name])}: a cycle")
    for other in _asked_by(embedder(name, settings.get(name, {}))):
        _refuse_cycle(other, settings, (*chain, name))


@dataclass(frozen=True)
class Held:
    """What the store says of some texts' vectors.

    Attributes:
        cut: how many texts are longer than the embedder reads, as far as it could tell.
        cost: what the vectors have cost, as `Account.used` has it; all 0 where they are free.
    """

    cut: int
    cost: Mapping[str, float]


def held(name: str, settings: Settings, texts: Sequence[str], workspace: Path) -> Held:
    """Return what the store says of the vectors that it holds; arguments as of `missing`."""
    model, spending = embedder(name, settings.get(name, {})), Account()
    if model.needs_corpus:
        return Held(0, spending.used())
    store = store_of(workspace, model)
    if model.paid:
        spending.use(store.path.stem, store.costs(list(compress(texts, store.holds(texts)))))
    return Held(store.cut(texts), spending.used())


def embed_catalog(
    catalog: Catalog,
    name: str,
    settings: Settings,
    workspace: Path,
    spending: Account,
    progress: Progress | None = None,
    learnt: Bool | None = None,
) -> Float32:
    """Return a vector for each item, ``float32[items, dim]``; zero for an item without text.

    Args:
        catalog: the items.
        name: the embedder's name.
        settings: values of embedders, by name.
        workspace: folder that holds the store.
        spending: counts and caps what paid calls take.
        progress: called with how many texts of how many are embedded.
        learnt: which items an embedder that learns from all texts together learns from,
            ``bool[items]``; None for all.

    Raises:
        UnavailableError: texts are missing from the store and the embedder cannot run here; or
            there is no text to embed or to learn from.
        PluginError: the embedder returned vectors that are wrong; none of them is kept.
        BenchkitError: the cap would be exceeded.
    """
    texts = to_embed(catalog)
    if not texts:
        raise UnavailableError("no item of this dataset has a text to embed")
    _refuse_cycle(name, settings)
    embedding, corpus = _Embedding(settings, workspace, spending, progress), texts
    if learnt is not None and embedder(name, settings.get(name, {})).needs_corpus:
        corpus = to_embed(catalog, learnt)
        if not corpus:
            raise UnavailableError(f"{name} has nothing to learn from: no trained text")
    vectors, learnt_texts = embedding.of(corpus, name), set(corpus)
    if others := [text for text in texts if text not in learnt_texts]:
        further = replace(embedding, corpus=corpus).of(others, name)
        vectors = np.concatenate((vectors, further))
    return _by_text(catalog.texts, [*corpus, *others], vectors)


def embed_texts(
    texts: Sequence[str],
    catalog: Catalog,
    name: str,
    settings: Settings,
    workspace: Path,
    spending: Account,
    progress: Progress | None = None,
    learnt: Bool | None = None,
) -> Float32:
    """Return a vector for each of any texts, ``float32[texts, dim]``, comparable with the items'.

    An empty text has a zero vector (of no dimensions where all are empty); a repeated one is asked
    for once. An embedder that learns from all texts together learns from the catalog's alone.
    Arguments and errors are those of `embed_catalog`.

    Raises:
        UnavailableError: the embedder embeds nothing but catalogs.
    """
    distinct = list(dict.fromkeys(filter(None, texts)))
    if not distinct:
        return np.zeros((len(texts), 0), dtype=np.float32)
    _refuse_cycle(name, settings)
    embedding = _Embedding(settings, workspace, spending, progress, to_embed(catalog, learnt))
    return _by_text(texts, distinct, embedding.of(distinct, name))


def _by_text(texts: Sequence[str], distinct: Sequence[str], vectors: Float32) -> Float32:
    """Return the vector of each text; zero for one that is not among the distinct ones."""
    places = {text: row for row, text in enumerate(distinct)}
    rows = np.array([places.get(text, -1) for text in texts], dtype=np.int64)
    return np.where(rows[:, None] >= 0, vectors[rows], np.float32(0))


@dataclass
class _Embedding:
    """One call of a function above; embedders may ask for others within it.

    Attributes:
        corpus: the catalog's texts, where others are embedded; None where it is they.
    """

    settings: Settings
    workspace: Path
    spending: Account
    progress: Progress | None
    corpus: Sequence[str] | None = None

    def of(self, texts: Sequence[str], name: str) -> Float32:
        """Return an embedder's vectors of some texts, ``float32[texts, dim]``."""
        model = embedder(name, self.settings.get(name, {}))
        if model.needs_corpus:
            _require(model)
            ask = partial(self.of, texts)
            vectors = (
                model.embed_corpus(texts, ask)
                if self.corpus is None
                else model.embed_new(texts, self.corpus, ask)
            )
            check_vectors(name, vectors, len(texts), None, alike=self.corpus is not None)
            return vectors
        store = store_of(self.workspace, model)
        if not store.holds(texts).all():
            with store.filling():
                # another process may have filled it meanwhile
                self._fill(model, store, list(compress(texts, ~store.holds(texts))))
        if model.paid:
            self.spending.use(store.path.stem, store.costs(texts))
        return store.get(texts)[0]

    def _fill(self, model: Embedder, store: EmbeddingStore, lacking: Sequence[str]) -> None:
        if not lacking:
            return
        _require(model)
        arrived, dim = np.zeros(len(lacking), dtype=bool), store.dim
        batches = model.batches(lacking, self.spending.allow)
        try:
            for batch in batches:
                self.spending.note(batch, stored=True)  # paid for, whatever it is worth
                check_rows(model.name, batch, arrived)
                texts = [lacking[row] for row in batch.rows]
                check_vectors(model.name, batch.vectors, len(texts), dim, texts=texts)
                dim = batch.vectors.shape[1]
                store.put(texts, batch.vectors, batch if model.paid else None, batch.cut)
                arrived[batch.rows] = True
                if self.progress is not None:
                    self.progress(int(arrived.sum()), len(lacking))
        finally:
            if isinstance(batches, Generator):
                batches.close()  # now, not when the traceback is gone: calls may be under way
        if not arrived.all():
            raise PluginError(
                f"{model.name} returned {int(arrived.sum())} vectors for {len(lacking)} texts"
            )


def store_of(workspace: Path, model: Embedder) -> EmbeddingStore:
    """Return what keeps an embedder's vectors.

    A stranger's embedder that was edited embeds its texts again, or its old vectors would pass
    for those of the new code; what was paid for is kept until its identity says otherwise.
    """
    identity: Mapping[str, object] = model.identity()
    entry = registry().get("embedder", model.name)
    if not entry.built_in and not model.paid:
        identity = {"identity": identity, "source": entry.source_digest()}
    return EmbeddingStore(workspace, model.name, identity)


def _require(model: Embedder) -> None:
    if (reason := model.why_unavailable()) is not None:
        raise UnavailableError(f"{model.name} cannot run here: {reason}")
