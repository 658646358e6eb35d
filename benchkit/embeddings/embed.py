"""Embedding the catalog: what the store holds is read, the rest is asked for, checked and kept."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
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

# Told how many texts of how many are embedded.
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
        UnavailableError: nobody knows the price.
    """
    return _missing((name,), settings, texts, workspace)


@dataclass(frozen=True)
class Held:
    """What the store knows of some texts' vectors.

    Attributes:
        cut: texts that are known to be longer than the embedder reads.
        cost: what the vectors have cost, as `Account.used` has it; all 0 where they are free.
    """

    cut: int
    cost: Mapping[str, float]


def held(name: str, settings: Settings, texts: Sequence[str], workspace: Path) -> Held:
    """Return what the store of an embedder knows of the vectors that it holds.

    Args:
        name: as in `missing`, like all that follow.
        settings: likewise.
        texts: likewise.
        workspace: likewise.
    """
    asked, spending = embedder(name, settings.get(name, {})), Account()
    if asked.needs_corpus:
        return Held(0, spending.used())
    store = store_of(workspace, asked)
    if asked.paid:
        known = [text for text, here in zip(texts, store.known(texts), strict=True) if here]
        spending.use(store.path.stem, store.costs(known))
    return Held(store.cut(texts), spending.used())


def _missing(
    asking: tuple[str, ...], settings: Settings, texts: Sequence[str], workspace: Path
) -> tuple[list[str], Estimate]:
    asked = embedder(asking[-1], settings.get(asking[-1], {}))
    if not asked.needs_corpus:
        known = store_of(workspace, asked).known(texts)
        lacking = [text for text, here in zip(texts, known, strict=True) if not here]
        return lacking, asked.estimate(lacking)
    lacking, total = [], Estimate(0)
    for other in (name for kind, name in asked.requires() if kind == "embedder"):
        more, estimate = _missing(_further(asking, other), settings, texts, workspace)
        lacking += more
        total = Estimate(
            total.texts + estimate.texts,
            total.tokens + estimate.tokens,
            total.dollars + estimate.dollars,
        )
    return lacking, total


def _further(asking: tuple[str, ...], other: str) -> tuple[str, ...]:
    """Return the chain of who asks whom with one more at its end.

    Raises:
        ConfigError: it would be a circle.
    """
    if other in asking:
        raise ConfigError(f"{' asks '.join([*asking, other])}: a cycle")
    return (*asking, other)


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
        progress: told how many texts are embedded.
        learnt: which items an embedder that learns from all texts together learns from,
            ``bool[items]``; None for all.

    Raises:
        UnavailableError: texts are missing from the store and the embedder cannot run here.
        PluginError: the embedder returned vectors that are wrong; none of them is kept.
        BenchkitError: the cap would be exceeded.
    """
    texts = to_embed(catalog)
    if not texts:
        raise UnavailableError("no item of this dataset has a text to embed")
    embedding = _Embedding(settings, workspace, spending, progress)
    if learnt is not None and embedder(name, settings.get(name, {})).needs_corpus:
        texts, vectors = embedding.learnt_from(to_embed(catalog, learnt), texts, (name,))
    else:
        vectors = embedding.of(texts, (name,))
    place = {text: row for row, text in enumerate(texts)}
    items = np.zeros((len(catalog), vectors.shape[1]), dtype=np.float32)
    titled = [code for code, text in enumerate(catalog.texts) if text]
    items[titled] = vectors[[place[catalog.texts[code]] for code in titled]]
    return items


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

    Args:
        texts: any texts.
        catalog: the items.
        name: as in `embed_catalog`, like all that follow.
        settings: likewise.
        workspace: likewise.
        spending: likewise.
        progress: likewise.
        learnt: likewise.

    Raises:
        UnavailableError: as in `embed_catalog`; or the embedder embeds nothing but catalogs.
        PluginError: as in `embed_catalog`.
        BenchkitError: the cap would be exceeded.
    """
    places = {text: row for row, text in enumerate(dict.fromkeys(filter(None, texts)))}
    if not places:
        return np.zeros((len(texts), 0), dtype=np.float32)
    embedding = _Embedding(settings, workspace, spending, progress, to_embed(catalog, learnt))
    vectors = embedding.of(list(places), (name,))
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

    def of(self, texts: Sequence[str], asking: tuple[str, ...]) -> Float32:
        """Return the vectors of some texts by the last of a chain of who asks whom."""
        name = asking[-1]
        asked = embedder(name, self.settings.get(name, {}))
        if asked.needs_corpus:
            _require(asked)

            def ask(other: str) -> Float32:
                return self.of(texts, _further(asking, other))

            vectors = (
                asked.embed_corpus(texts, ask)
                if self.corpus is None
                else asked.embed_new(texts, self.corpus, ask)
            )
            check_vectors(name, vectors, len(texts), None, alike=self.corpus is not None)
            return vectors
        store = store_of(self.workspace, asked)
        if not store.known(texts).all():
            with store.filling():
                # another process may have filled it meanwhile
                known = store.known(texts)
                self._fill(asked, store, [t for t, k in zip(texts, known, strict=True) if not k])
        if asked.paid:
            self.spending.use(store.path.stem, store.costs(texts))
        return store.get(texts)[0]

    def learnt_from(
        self, corpus: Sequence[str], texts: Sequence[str], asking: tuple[str, ...]
    ) -> tuple[list[str], Float32]:
        """Return some texts in an order of its own, and their vectors, learnt from a part of them.

        Raises:
            UnavailableError: that part is empty, or the embedder embeds nothing else.
        """
        if not corpus:
            raise UnavailableError(f"{asking[-1]} has nothing to learn from: no trained text")
        vectors, known = self.of(corpus, asking), set(corpus)
        others = [text for text in texts if text not in known]
        if others:
            further = replace(self, corpus=corpus).of(others, asking)
            vectors = np.concatenate((vectors, further))
        return [*corpus, *others], vectors

    def _fill(self, asked: Embedder, store: EmbeddingStore, lacking: Sequence[str]) -> None:
        if not lacking:
            return
        _require(asked)
        arrived, dim = np.zeros(len(lacking), dtype=bool), store.dim
        batches = asked.batches(lacking, self.spending.allow)
        try:
            for batch in batches:
                self.spending.note(batch, stored=True)  # paid for, whatever it is worth
                check_rows(asked.name, batch, arrived)
                texts = [lacking[row] for row in batch.rows]
                check_vectors(asked.name, batch.vectors, len(texts), dim, texts=texts)
                dim = batch.vectors.shape[1]
                store.put(texts, batch.vectors, batch if asked.paid else None, batch.cut)
                arrived[batch.rows] = True
                if self.progress is not None:
                    self.progress(int(arrived.sum()), len(lacking))
        finally:
            if isinstance(batches, Generator):
                batches.close()  # now, not when the traceback is gone: calls may be under way
        if not arrived.all():
            raise PluginError(
                f"{asked.name} returned {int(arrived.sum())} vectors for {len(lacking)} texts"
            )


def store_of(workspace: Path, asked: Embedder) -> EmbeddingStore:
    """Return what keeps an embedder's vectors.

    A stranger's embedder that was edited embeds its texts again, or its old vectors would pass
    for those of the new code; what was paid for is kept until its identity says otherwise.
    """
    identity: Mapping[str, object] = asked.identity()
    entry = registry().get("embedder", asked.name)
    if not entry.built_in and not asked.paid:
        identity = {"identity": identity, "source": entry.source_digest()}
    return EmbeddingStore(workspace, asked.name, identity)


def _require(asked: Embedder) -> None:
    if (reason := asked.why_unavailable()) is not None:
        raise UnavailableError(f"{asked.name} cannot run here: {reason}")
