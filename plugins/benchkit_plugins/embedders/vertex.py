"""Google's embeddings on Vertex AI."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import numpy as np

from benchkit import Embedder, UnavailableError, hookimpl, param
from benchkit.errors import ConfigError
from benchkit_plugins.embedders.paid import Answer, PaidConfig, PaidEmbedder, as_vectors
from benchkit_plugins.language_models.calls import CallError, retry_after, scrubbed

if TYPE_CHECKING:
    from benchkit.contracts.config import Value

PROJECT = "GOOGLE_CLOUD_PROJECT"
Task = Literal["none", "SEMANTIC_SIMILARITY", "RETRIEVAL_DOCUMENT", "CLUSTERING"]


@dataclass(frozen=True, kw_only=True)
class VertexConfig(PaidConfig):
    """Which model, where, and how hard to try."""

    model: str = param(
        "text-embedding-005", "model; the paper's textembedding-gecko@002 is retired"
    )
    dimensions: int | None = param(None, "dimensions to ask for; none: all", at_least=1)
    task_type: Task = param("none", "what the vectors are for; none: as the model has it")
    project: str | None = param(None, f"project that pays; none: {PROJECT}")
    location: str = param("us-central1", "where the model runs")
    api_endpoint: str | None = param(
        None, "address of another server; at http:// no credentials are sent"
    )
    texts_per_request: int = param(
        250, "texts a request; gemini-embedding-001 takes 1", at_least=1, at_most=250
    )

    def __post_init__(self) -> None:
        if self.api_endpoint is None:
            return
        address = urlsplit(self.api_endpoint)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ConfigError("vertex: api_endpoint takes an address such as http://localhost:8080")
        # the address is written into records
        if address.username or address.password or address.query:
            raise ConfigError("vertex: api_endpoint must hold no key or password")


class Vertex(PaidEmbedder):
    """Google's embedding models on Vertex AI (paper 3.1).

    Credentials are Google's application default ones. Location and project do not change vectors,
    another server may. The service cuts a text after 2,048 tokens; what is sent is cut there by the
    estimate. It answers 429 readily; that is waited out here, since the client does not.
    """

    name = "vertex"
    source = "paper 3.1; https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings"
    Config = VertexConfig
    config: VertexConfig
    most_texts = 250
    most_tokens = 20_000
    text_tokens = 2048

    @classmethod
    def unavailable(cls) -> str | None:
        """Return what is not installed."""
        # the parent first: looking for a submodule of what is missing is an error
        if find_spec("google") is None or find_spec("google.cloud") is None:
            return _EXTRA
        return _EXTRA if find_spec("google.cloud.aiplatform_v1") is None else None

    def obstacle(self) -> str | None:
        """Return what is not installed or not said."""
        if not self._project():
            return f"say which project pays: set {PROJECT}, or --set vertex.project=PROJECT"
        return self.unavailable()

    def identity(self) -> dict[str, Value]:
        """Return the model, what is asked of it, and the server where it is another."""
        return {
            "model": self.config.model,
            "dimensions": self.config.dimensions,
            "task_type": self.config.task_type,
            "api_endpoint": (self.config.api_endpoint or "").rstrip("/"),
            "cut": self.text_tokens,
        }

    def model(self) -> str:
        """Return the model's name."""
        return self.config.model

    def texts_a_request(self) -> int:
        """Return how many texts a request may hold."""
        return self.config.texts_per_request

    def ask(self, texts: Sequence[str]) -> Answer:
        """Return the vectors of one request's texts."""
        config = self.config
        task = {} if config.task_type == "none" else {"task_type": config.task_type}
        parameters: dict[str, Any] = {"autoTruncate": True}
        if config.dimensions is not None:
            parameters["outputDimensionality"] = config.dimensions
        client = self._client
        try:
            response = client.predict(
                endpoint=f"projects/{self._project()}/locations/{config.location}"
                f"/publishers/google/models/{config.model}",
                instances=[{"content": text, **task} for text in texts],
                parameters=parameters,
                retry=None,
                timeout=config.timeout,
            )
        # no traceback may hold what a server said: it could echo the token
        except Exception as error:
            raise _failed(error, config.timeout, self._token()) from None
        return _answer(type(response).pb(response), len(texts), config.dimensions)

    def _project(self) -> str:
        return self.config.project or os.environ.get(PROJECT, "").strip()

    def _token(self) -> str | None:
        token: str | None = getattr(self._client.transport._credentials, "token", None)
        return token

    @cached_property
    def _client(self) -> Any:
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import DefaultCredentialsError
        from google.cloud.aiplatform_v1 import PredictionServiceClient

        given = self.config.api_endpoint
        plain = given is not None and urlsplit(given).scheme == "http"
        endpoint = given or f"{self.config.location}-aiplatform.googleapis.com"
        try:
            return PredictionServiceClient(
                transport="rest",
                credentials=AnonymousCredentials() if plain else None,
                client_options=ClientOptions(api_endpoint=endpoint.rstrip("/")),
            )
        except DefaultCredentialsError:
            raise UnavailableError(
                "vertex finds no credentials: run `gcloud auth application-default login`, or set "
                "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account"
            ) from None


_EXTRA = "it needs an extra: pip install 'benchkit[vertex]'"


def _failed(error: Exception, timeout: float, token: str | None) -> CallError:
    """Return what an error of the client means."""
    import requests
    from google.api_core.exceptions import GoogleAPICallError
    from google.protobuf.json_format import ParseError

    if isinstance(error, requests.Timeout):
        reached = not isinstance(error, requests.ConnectTimeout)
        return CallError(f"vertex did not answer within {timeout:g} s", again=True, billed=reached)
    if isinstance(error, requests.RequestException):
        kind = type(error).__name__
        return CallError(f"the connection to vertex failed ({kind})", again=True, billed=True)
    words = scrubbed(getattr(error, "message", error), token)
    if isinstance(error, GoogleAPICallError):
        code = int(error.code or 0)
        headers = getattr(error.response, "headers", None) or {}
        return CallError(
            f"vertex answered {code}: {words}",
            again=code in (408, 429) or code >= 500,
            after=retry_after(headers.get("Retry-After")),
        )
    # a body that is no JSON, say; anything else is not mended by trying again
    kind, passing = type(error).__name__, isinstance(error, (ValueError, ParseError))
    return CallError(f"vertex: {kind}: {words}", again=passing, billed=True)


def _answer(response: Any, count: int, dimensions: int | None) -> Answer:
    """Return the vectors of a response; `response` is the bare protobuf message, which is quick.

    Raises:
        PluginError: it has not one vector of the right dimension for each text.
    """
    found = [each.struct_value.fields["embeddings"].struct_value for each in response.predictions]
    rows = [
        np.array([value.number_value for value in each.fields["values"].list_value.values], "f4")
        for each in found
    ]
    vectors = as_vectors("vertex", rows, count, dimensions)
    counts = [each.fields["statistics"].struct_value.fields for each in found]
    billed = response.metadata.struct_value.fields
    return Answer(
        vectors,
        sum(int(c["token_count"].number_value) for c in counts)
        if all("token_count" in c for c in counts)
        else None,
        int(billed["billableCharacterCount"].number_value)
        if "billableCharacterCount" in billed
        else None,
    )


@hookimpl
def benchkit_embedders() -> list[type[Embedder]]:
    """Provide Vertex AI's models."""
    return [Vertex]
