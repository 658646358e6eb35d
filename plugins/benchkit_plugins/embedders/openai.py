"""OpenAI's embeddings, and those of servers that speak its protocol."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from benchkit import Embedder, hookimpl, param
from benchkit.contracts.arrays import Float32
from benchkit.contracts.config import Value
from benchkit.contracts.errors import PluginError
from benchkit.toolkit.embedding_store import identities
from benchkit.toolkit.workspace import workspace
from benchkit_plugins.embedders.shared.paid import Answer, PaidConfig, PaidEmbedder, as_vectors
from benchkit_plugins.language_models import openai, served
from benchkit_plugins.language_models.calls import check_address, scrubbed
from benchkit_plugins.language_models.tokens import plausible_tokens


@dataclass(frozen=True, kw_only=True)
class OpenAIConfig(PaidConfig):
    """Which model, where, and how hard to try."""

    model: str = param(
        "text-embedding-3-small", "model; text-embedding-ada-002 for the paper's, while it lives"
    )
    dimensions: int | None = param(None, "dimensions to ask for; none: all", at_least=1)
    base_url: str = param(openai.OWN, "address of a server that speaks the protocol, without key")
    revision: str | None = param(
        None,
        "your word for what a server at base_url has under the model's name; none: what it tells "
        "of itself",
    )

    def __post_init__(self) -> None:
        check_address("openai: base_url", self.base_url)


class OpenAI(PaidEmbedder):
    """OpenAI's embedding models, or any server that speaks its protocol (paper 3.1).

    The key comes from OPENAI_API_KEY alone (any word, for a server that wants none). The address
    is part of a vector's identity, since a model of that name elsewhere may be another;
    OPENAI_BASE_URL is therefore not read. What a server other than OpenAI's tells of the model is
    part of it, too: another may take its place under the same name. The SDK's own retries are off:
    each try is counted against the cap before it is sent. A text estimated at more than 8,191
    tokens is cut.
    """

    name = "openai"
    source = "paper 3.1; https://platform.openai.com/docs/guides/embeddings"
    Config = OpenAIConfig
    config: OpenAIConfig
    # the service takes 2,048 texts and 300,000 tokens; less is lost of smaller requests
    most_texts = 512
    most_tokens = 100_000
    text_tokens = 8191

    @classmethod
    def unavailable(cls) -> str | None:
        return openai.why_unavailable()

    def identity(self) -> dict[str, Value]:
        named: dict[str, Value] = {
            "model": self.config.model,
            "dimensions": self.config.dimensions,
            "base_url": self.config.base_url.rstrip("/"),
            "cut": self.text_tokens,
        }
        stores = partial(identities, workspace(), self.name)
        return named | served.revision(named, self.config.revision, stores)

    def model(self) -> str:
        return self.config.model

    def ask(self, texts: Sequence[str]) -> Answer:
        from openai import omit

        wanted = self.config.dimensions
        try:
            response = self._client.embeddings.create(
                model=self.config.model,
                input=list(texts),
                # explicitly, so that the SDK leaves decoding to us: it would make lists of floats
                encoding_format="base64",
                dimensions=omit if wanted is None else wanted,
            )
        except Exception as error:
            raise openai.failed(error, self.config.timeout) from None
        return _answer(response, texts, wanted)

    @cached_property
    def _client(self) -> Any:
        return openai.client(self.config.base_url, self.config.timeout)


def _answer(response: Any, texts: Sequence[str], dimensions: int | None) -> Answer:
    """Return the vectors of a response in the order of the texts.

    Raises:
        PluginError: it has not one vector of the right dimension for each text.
    """
    data = getattr(response, "data", None)
    if not isinstance(data, list) or not data:
        words = openai.said({"error": getattr(response, "error", response)})
        reason = f": {scrubbed(words, openai.key())}" if words else ""
        raise PluginError(f"openai returned no list of embeddings{reason}; nothing of it is kept")
    rows: dict[object, Float32] = {
        getattr(entry, "index", None): _vector(getattr(entry, "embedding", None)) for entry in data
    }
    places = list(range(len(data)))
    if any(place not in rows for place in places):
        raise PluginError(
            f"openai returned vectors of unknown texts, not numbered from 0 to {places[-1]}; "
            "nothing of it is kept"
        )
    vectors = as_vectors("openai", [rows[place] for place in places], texts, dimensions)
    count = getattr(getattr(response, "usage", None), "total_tokens", None)
    return Answer(vectors, plausible_tokens(count, texts))


def _vector(embedding: object) -> Float32:
    """Return one vector, empty where it is none; some servers ignore that base64 was asked for."""
    if isinstance(embedding, str):
        with suppress(ValueError):
            raw = base64.b64decode(embedding, validate=True)
            return np.frombuffer(raw, dtype="<f4").astype(np.float32)
    elif isinstance(embedding, list) and all(type(number) in (int, float) for number in embedding):
        return np.array(embedding, dtype=np.float32)
    return np.zeros(0, dtype=np.float32)


@hookimpl
def benchkit_embedders() -> list[type[Embedder]]:
    return [OpenAI]
