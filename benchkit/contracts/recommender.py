"""Recommenders: fit on sessions, then answer prompts with ranked lists; what they may ask for."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np

from benchkit.contracts.arrays import Float32, Int32, Int64
from benchkit.contracts.component import Component
from benchkit.contracts.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchkit.contracts.catalog import Catalog
    from benchkit.contracts.config import Value
    from benchkit.contracts.protocol import ProtocolName
    from benchkit.contracts.spending import Spending


# What a recommender keeps out of its lists: nothing, the items it reads of the prompt, or the
# whole prompt. `--protocol strict` sets "prompt"; of a recommender without such a parameter it asks
# longer lists, and takes seen items out.
ExcludeSeen = Literal["none", "read", "prompt"]


@dataclass(frozen=True, eq=False)
class Recommendations:
    """Ranked lists, best first.

    Attributes:
        items: item codes, ``int32[prompts, k]``; -1 behind the end of a short list.
        scores: scores, ``float32[prompts, k]``, descending; ``-inf`` where items is -1.
    """

    items: Int32
    scores: Float32

    @classmethod
    def empty(cls, prompts: int, k: int) -> Recommendations:
        """Return lists without any item, to be filled."""
        return cls(
            np.full((prompts, k), -1, dtype=np.int32),
            np.full((prompts, k), -np.inf, dtype=np.float32),
        )

    def problem(self, prompts: int, k: int, items: int) -> str:
        """Return what is wrong with the lists, "" if nothing; scores of padding may be any number.

        Args:
            prompts: how many lists there should be.
            k: how long.
            items: of the catalog.
        """
        for what, array, kind in (
            ("items", self.items, "int32"),
            ("scores", self.scores, "float32"),
        ):
            if not isinstance(array, np.ndarray):
                return f"{what} in a {type(array).__name__}, not an array"
            if array.shape != (prompts, k) or array.dtype != kind:
                return f"{what} {array.dtype}{list(array.shape)}, not {kind}{[prompts, k]}"
        if self.items.size and not (self.items.min() >= -1 and self.items.max() < items):
            return f"item codes outside the catalog of {items}"
        if np.isnan(self.scores).any():
            return "scores that are not a number"
        listed = self.items >= 0
        ranked = np.sort(np.where(listed, self.items, np.arange(-k, 0, dtype=np.int32)), axis=1)
        for what, wrong in (
            ("an item behind the end of its list", listed[:, 1:] & ~listed[:, :-1]),
            ("an item without a finite score", listed & ~np.isfinite(self.scores)),
            ("scores that ascend", listed[:, 1:] & (self.scores[:, 1:] > self.scores[:, :-1])),
            ("an item twice", ranked[:, 1:] == ranked[:, :-1]),
        ):
            if wrong.any():
                return f"{what} for prompt {int(wrong.any(axis=1).argmax())}"
        return ""


class Bench(Protocol):
    """What a recommender may ask for while it fits; it holds nothing of the test set.

    Attributes:
        catalog: all items of the prepared data, those never trained on included.
        train: the training sessions that `fit` is given.
        item_counts: popularity of the items as the protocol counts it, ``int64[items]``.
        popularity: how many sessions contain each item (paper 6), ``int64[items]``.
        seed: seed of everything random; derive generators by `rng`.
        only_trained: whether everything fitted must come from training items alone.
        workspace: folder that holds what later runs use again.
        spending: the account of paid calls, and its cap.
        checkpoints: folder for fitted weights, and for what a fit needs to go on after it was
            killed; None keeps nothing.
        weights: names of the files there that were made or used, each with the seconds that
            earlier processes spent on it, 0 for one made now.
        report: told one line at a time how a long fit is going.
    """

    @property
    def catalog(self) -> Catalog: ...
    @property
    def train(self) -> Sessions: ...
    @property
    def item_counts(self) -> Int64: ...
    @property
    def popularity(self) -> Int64: ...
    @property
    def seed(self) -> int: ...
    @property
    def only_trained(self) -> bool: ...
    @property
    def workspace(self) -> Path: ...
    @property
    def spending(self) -> Spending: ...
    @property
    def checkpoints(self) -> Path | None: ...
    @property
    def weights(self) -> dict[str, float]: ...
    @property
    def report(self) -> Callable[[str], None]: ...

    def rng(self, purpose: str) -> np.random.Generator:
        """Return a generator of its own for each purpose: one more never disturbs another."""

    def embeddings(
        self,
        name: str,
        reducer: str | None = None,
        dim: int | None = None,
        fit_on: Literal["catalog", "train"] = "catalog",
    ) -> Float32:
        """Return a vector for each item, ``float32[items, dim]``; zero for an item without text.

        Args:
            name: the embedder.
            reducer: the reducer; None for the vectors as they are.
            dim: dimensions wanted of the reducer; None for as many as there are.
            fit_on: which items the reducer learns from; the strict protocol permits trained ones
                alone.

        Raises:
            PluginError: nothing of that name is installed or declared, or the vectors are wrong.
            UnavailableError: texts are missing from the store and the embedder cannot run here.
        """

    def embed_texts(
        self,
        texts: Sequence[str],
        name: str,
        reducer: str | None = None,
        dim: int | None = None,
        fit_on: Literal["catalog", "train"] = "catalog",
    ) -> Float32:
        """Return a vector for each of any texts, ``float32[texts, dim]``, beside the items' own.

        Nothing is learnt from them: a text's vector does not depend on the others. That of an
        empty text is zero.

        Args:
            texts: what somebody typed or a model wrote; a repeated text is embedded once.
            name: as in `embeddings`, like all that follow.
            reducer: likewise.
            dim: likewise.
            fit_on: likewise.

        Raises:
            PluginError: as in `embeddings`.
            UnavailableError: as in `embeddings`; or the embedder embeds nothing but catalogs.
        """

    def recommender(self, name: str, values: Mapping[str, Value] | None = None) -> Recommender:
        """Return another recommender, fitted on the same training sessions.

        Args:
            name: its name; the same name and values are fitted once a bench.
            values: parameters; what they leave out comes from the user, then from its preset.

        Raises:
            PluginError: nothing of that name is installed.
            ConfigError: a value does not fit.
        """


class Recommender(Component):
    """Base of every recommender.

    A recommender whose configuration has a field ``exclude_seen`` (see `ExcludeSeen`) keeps seen
    items out itself, most simply by `benchkit.toolkit.ranking.top_k`.

    Attributes:
        protocol: the one protocol that this recommender is evaluated under, in a table of its
            own; None: whichever the run is for.
    """

    kind: ClassVar[str] = "recommender"
    protocol: ClassVar[ProtocolName | None] = None

    @abstractmethod
    def fit(self, train: Sessions, bench: Bench) -> None:
        """Learn from training sessions, forgetting whatever was learnt before.

        Args:
            train: training sessions, ordered by their last timestamp, none empty; read-only.
            bench: catalog, popularity, seed, embeddings; other recommenders.
        """

    @abstractmethod
    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        """Return each prompt's `k` best items, in batches of bounded memory.

        Args:
            prompts: sessions to continue; any length, also 0; may hold items never seen in
                training; read-only.
            k: length of the lists, at least 1; may exceed the catalog, then lists are short.

        Returns:
            Distinct item codes and scores; a prompt's list does not depend on its neighbours.
        """
