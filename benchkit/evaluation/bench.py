"""The bench: what a recommender may ask for while it fits."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from benchkit.components.configure import Presets, merged, of_others
from benchkit.contracts.arrays import Bool, Float32, Int64
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.config import Value
from benchkit.contracts.errors import PluginError
from benchkit.contracts.recommender import Recommender
from benchkit.contracts.sessions import Sessions
from benchkit.embeddings.embed import Progress, Settings, embed_catalog, embed_texts, held, to_embed
from benchkit.embeddings.reduce import reduce_items, reduce_texts
from benchkit.toolkit.progress import ProgressReporter
from benchkit.toolkit.spending import Account

log = logging.getLogger(__name__)
_MANY_CUT = 0.1  # of the texts


@dataclass(frozen=True, eq=False)
class Workbench:
    """The bench (`contracts.recommender.Bench`) of an evaluation or a trial.

    Attributes, besides those of the contract:
        session_counts: sessions that contain each item, of the same data, ``int64[items]``; None
            where they equal `item_counts`, for no session repeats an item.
        presets: where the values of other recommenders come from, and whether the protocol keeps
            the whole prompt out of every list.
        values: values that win over presets, by component: what searches have found, and the
            user's; those of a recommender may hold those of its reducer, as ``autoencoder.l2``.
        declared: components that may be asked for, as ``KIND:NAME``: those that belong to what
            tells a record apart; None for any.
    """

    catalog: Catalog
    train: Sessions
    item_counts: Int64
    seed: int = 0
    presets: Presets = field(default_factory=Presets)
    only_trained: bool = False
    values: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    workspace: Path = Path()
    spending: Account = field(default_factory=Account)
    checkpoints: Path | None = None
    declared: frozenset[str] | None = None
    weights: dict[str, float] = field(default_factory=dict)
    session_counts: Int64 | None = None
    report: Callable[[str], None] = field(default=lambda _line: None, repr=False)
    _fitted: dict[str, Recommender] = field(default_factory=dict, init=False, repr=False)
    _looked_at: set[str] = field(default_factory=set, init=False, repr=False)

    @property
    def popularity(self) -> Int64:
        """How many sessions contain each item (paper 6), ``int64[items]``."""
        return self.item_counts if self.session_counts is None else self.session_counts

    def rng(self, purpose: str) -> np.random.Generator:
        """Return a generator of its own for each purpose: one more never disturbs another."""
        digest = hashlib.sha256(f"{self.seed}/{purpose}".encode()).digest()
        return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))

    @property
    def held(self) -> int:
        """How many fitted recommenders it keeps for whoever asks again."""
        return len(self._fitted)

    def embeddings(
        self,
        name: str,
        reducer: str | None = None,
        dim: int | None = None,
        fit_on: Literal["catalog", "train"] = "catalog",
    ) -> Float32:
        """Return a vector for each item, ``float32[items, dim]``; zero for an item without text."""
        self._demand_vectors(name, reducer)
        vectors = embed_catalog(self.catalog, name, *self._embedding(name))
        self._warn_of_cut_texts(name)
        if reducer is None:
            return vectors
        how = self._reduction(vectors, reducer, dim, fit_on)
        return reduce_items(vectors, reducer, *how, self.workspace)

    def embed_texts(
        self,
        texts: Sequence[str],
        name: str,
        reducer: str | None = None,
        dim: int | None = None,
        fit_on: Literal["catalog", "train"] = "catalog",
    ) -> Float32:
        """Return a vector for each of any texts, ``float32[texts, dim]``, beside the items' own."""
        self._demand_vectors(name, reducer)
        further = embed_texts(texts, self.catalog, name, *self._embedding(name))
        if reducer is None or not further.any():
            return further
        vectors = embed_catalog(self.catalog, name, *self._embedding(name))
        return reduce_texts(
            further, vectors, reducer, *self._reduction(vectors, reducer, dim, fit_on)
        )

    def recommender(self, name: str, values: Mapping[str, Value] | None = None) -> Recommender:
        """Return another recommender, fitted on the same training sessions."""
        self._demand("recommender", name)
        together = {**self.values.get(name, {}), **(values or {})}
        recommender = self.presets.configure(name, together)
        key = f"{name} {recommender.config.as_dict()}"
        if key not in self._fitted:
            below = merged(of_others(together), self.values)
            recommender.fit(
                self.train, replace(self, values=below) if below != self.values else self
            )
            self._fitted[key] = recommender
        return self._fitted[key]

    def _embedding(self, name: str) -> tuple[Settings, Path, Account, Progress, Bool | None]:
        """Return what embedding takes beside texts and a name."""
        progress = ProgressReporter(self.report, f"texts embedded by {name}")
        learnt = self._trained() if self.only_trained else None
        return self.values, self.workspace, self.spending, progress, learnt

    def _warn_of_cut_texts(self, name: str) -> None:
        """Say once where an embedder has cut many texts: it may not have read what matters."""
        if name in self._looked_at:
            return
        self._looked_at.add(name)
        texts = to_embed(self.catalog)
        cut = held(name, self.values, texts, self.workspace).cut
        if cut > _MANY_CUT * len(texts):
            log.warning(
                "%s: %d of %d texts are longer than it reads; their vectors are of the beginning",
                name,
                cut,
                len(texts),
            )

    def _demand_vectors(self, name: str, reducer: str | None) -> None:
        self._demand("embedder", name)
        if reducer is not None:
            self._demand("reducer", reducer)

    def _demand(self, kind: str, name: str) -> None:
        """Refuse a component that the record's key does not know: it could change unnoticed."""
        if self.declared is not None and f"{kind}:{name}" not in self.declared:
            raise PluginError(
                f"the {kind} {name!r} is asked for and not declared: by builds_on, or by a "
                f"parameter of names={kind!r}"
            )

    def _reduction(
        self, vectors: Float32, reducer: str, dim: int | None, fit_on: Literal["catalog", "train"]
    ) -> tuple[int, Mapping[str, Value], Sequence[str], Bool, int]:
        """Return what reducing takes beside vectors and a name."""
        dim = vectors.shape[1] if dim is None else dim
        train_only = fit_on == "train" or self.only_trained
        learnt = self._trained() if train_only else np.ones(len(self.catalog), dtype=bool)
        return dim, self.values.get(reducer, {}), self.catalog.classes, learnt, self.seed

    def _trained(self) -> Bool:
        """Return which items have been trained on, ``bool[items]``."""
        return np.bincount(self.train.items, minlength=len(self.catalog)) > 0
