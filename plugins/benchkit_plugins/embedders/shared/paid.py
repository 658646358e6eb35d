"""Base of the paid embedders: packing, prices, parallel calls, checks of the answers."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np

from benchkit import Config, Embedder, param
from benchkit.contracts.arrays import Bool, Float32
from benchkit.contracts.embedder import Batch, Estimate
from benchkit.contracts.errors import PluginError
from benchkit.toolkit.texts import show_text
from benchkit_plugins.language_models.calls import in_parallel, persistently
from benchkit_plugins.language_models.prices import Price, price
from benchkit_plugins.language_models.tokens import estimated_tokens, packed, sendable, well_formed


@dataclass(frozen=True, kw_only=True)
class PaidConfig(Config):
    """Parameters of all services; none of them changes vectors."""

    concurrency: int = param(4, "requests under way at a time", at_least=1, at_most=64)
    timeout: float = param(60.0, "wait for an answer", unit="seconds", at_least=0.01)
    retries: int = param(6, "how often to try again after 429, 5xx or no answer", at_least=0)
    price_per_million_tokens: float | None = param(
        None, "instead of the price list", unit="US dollars", at_least=0
    )


@dataclass(frozen=True, eq=False)
class Answer:
    """What a service answered.

    Attributes:
        vectors: ``float32[texts, dim]``.
        tokens: as the service counted them; None where it does not say.
        characters: that it bills; None where it does not say.
        cut: which texts it says that it has cut, ``bool[texts]``; None where it does not say.
    """

    vectors: Float32
    tokens: int | None = None
    characters: int | None = None
    cut: Bool | None = None


def as_vectors(
    name: str, rows: Sequence[Float32], texts: Sequence[str], dimensions: int | None
) -> Float32:
    """Return the rows of one answer as ``float32[texts, dim]``.

    Raises:
        PluginError: it has not one vector of the right dimension for each text.
    """
    sizes = sorted({len(row) for row in rows})
    flawed = [text for text, row in zip(texts, rows, strict=False) if row.shape[1:] or not row.size]
    problem = None
    if len(rows) != len(texts):
        problem = f"{len(rows)} vectors for {len(texts)} texts"
    elif flawed:
        problem = f"no vector for the text {show_text(flawed[0])}"
    elif len(sizes) != 1 or (dimensions is not None and sizes != [dimensions]):
        wanted = f", not {dimensions}" if dimensions else ""
        problem = f"vectors of {' and '.join(map(str, sizes))} dimensions{wanted}"
    if problem:
        raise PluginError(f"{name} returned {problem}; nothing of it is kept")
    return np.stack(rows)


class PaidEmbedder(Embedder):
    """Base of embedders that ask a service.

    Attributes:
        most_texts: most texts a request.
        most_tokens: most estimated tokens a request.
        text_tokens: a text that is estimated to have more is cut.
    """

    paid = True
    most_texts: ClassVar[int]
    most_tokens: ClassVar[int]
    text_tokens: ClassVar[int]

    @abstractmethod
    def ask(self, texts: Sequence[str]) -> Answer:
        """Return the vectors of one request's texts; called from several threads.

        Raises:
            CallError: there is no answer, or it is an error.
            PluginError: the answer cannot be right.
        """

    @abstractmethod
    def model(self) -> str:
        """Return the model's name in the price list."""

    def texts_a_request(self) -> int:
        """Return how many texts a request may hold."""
        return self.most_texts

    def price(self) -> Price:
        return price(self.name, self.model(), self._common.price_per_million_tokens)

    def estimate(self, texts: Sequence[str]) -> Estimate:
        """Return the estimated tokens and what they would cost."""
        if not texts:
            return Estimate(0)
        sent = [sendable(text, self.text_tokens) for text in texts]
        tokens = sum(estimated_tokens(text) for text in sent)
        return Estimate(len(texts), tokens, self.price().of(tokens, sum(map(len, sent))))

    def embed(self, texts: Sequence[str]) -> Float32:
        """Return one vector a text, ``float32[texts, dim]``, at whatever it costs."""
        batches = list(self.batches(texts, lambda _dollars: None))
        if not batches:
            return np.zeros((0, 0), dtype=np.float32)
        rows = np.concatenate([batch.rows for batch in batches])
        vectors: Float32 = np.concatenate([batch.vectors for batch in batches])[np.argsort(rows)]
        return vectors

    def batches(self, texts: Sequence[str], allow: Callable[[float], None]) -> Iterator[Batch]:
        sent = [sendable(text, self.text_tokens) for text in texts]
        cut = np.array([a != well_formed(b) for a, b in zip(sent, texts, strict=True)], dtype=bool)
        cost = self.price()

        def request(rows: list[int]) -> Callable[[threading.Event], Batch]:
            part = [sent[row] for row in rows]
            return lambda stop: self._request(rows, part, cut[rows], cost, allow, stop)

        parts = packed(sent, self.texts_a_request(), self.most_tokens)
        yield from in_parallel([request(rows) for rows in parts], self._common.concurrency)

    def _request(
        self,
        rows: list[int],
        texts: list[str],
        cut: Bool,
        cost: Price,
        allow: Callable[[float], None],
        stop: threading.Event,
    ) -> Batch:
        """Ask until there is an answer; dollars are reserved before every try."""
        tokens, characters = sum(map(estimated_tokens, texts)), sum(map(len, texts))
        estimate = cost.of(tokens, characters)
        answer = persistently(
            lambda: self.ask(texts), lambda: allow(estimate), self._common.retries, stop
        )
        tokens = tokens if answer.tokens is None else answer.tokens
        characters = characters if answer.characters is None else answer.characters
        # a try that was lost may have been paid for: only this one's promise is taken back
        return Batch(
            np.array(rows, dtype=np.int64),
            answer.vectors,
            tokens,
            cost.of(tokens, characters),
            reserved=estimate,
            cut=cut if answer.cut is None else cut | answer.cut,
        )

    @property
    def _common(self) -> PaidConfig:
        return cast(PaidConfig, self.config)
