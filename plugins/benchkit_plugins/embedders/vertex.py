"""Google's embeddings on Vertex AI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from benchkit import Embedder, hookimpl, param
from benchkit.contracts.config import Value
from benchkit_plugins.embedders.shared.paid import Answer, PaidConfig, PaidEmbedder, as_vectors
from benchkit_plugins.language_models import vertex
from benchkit_plugins.language_models.calls import check_address
from benchkit_plugins.language_models.tokens import plausible_tokens

Task = Literal["none", "SEMANTIC_SIMILARITY", "RETRIEVAL_DOCUMENT", "CLUSTERING"]


@dataclass(frozen=True, kw_only=True)
class VertexConfig(PaidConfig):
    """Which model, where, and how hard to try."""

    model: str = param(
        "text-embedding-005", "model; the paper's textembedding-gecko@002 is retired"
    )
    dimensions: int | None = param(None, "dimensions to ask for; none: all", at_least=1)
    task_type: Task = param("none", "what the vectors are for; none: as the model has it")
    project: str | None = param(None, f"project that pays; none: {vertex.PROJECT}")
    location: str = param("us-central1", "where the model runs")
    api_endpoint: str | None = param(
        None, "address of another server; at http:// no credentials are sent"
    )
    texts_per_request: int = param(
        250, "texts a request; gemini-embedding-001 takes 1", at_least=1, at_most=250
    )

    def __post_init__(self) -> None:
        if self.api_endpoint is not None:
            check_address("vertex: api_endpoint", self.api_endpoint)


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
        return vertex.not_installed()

    def why_unavailable(self) -> str | None:
        if not vertex.project(self.config.project):
            return f"say which project pays: set {vertex.PROJECT}, or --set vertex.project=PROJECT"
        return self.unavailable()

    def identity(self) -> dict[str, Value]:
        return {
            "model": self.config.model,
            "dimensions": self.config.dimensions,
            "task_type": self.config.task_type,
            "api_endpoint": (self.config.api_endpoint or "").rstrip("/"),
            "cut": self.text_tokens,
        }

    def model(self) -> str:
        return self.config.model

    def texts_a_request(self) -> int:
        return self.config.texts_per_request

    def ask(self, texts: Sequence[str]) -> Answer:
        config = self.config
        task = {} if config.task_type == "none" else {"task_type": config.task_type}
        parameters: dict[str, Any] = {"autoTruncate": True}
        if config.dimensions is not None:
            parameters["outputDimensionality"] = config.dimensions
        client = self._client
        try:
            response = client.predict(
                endpoint=f"projects/{vertex.project(config.project)}/locations/{config.location}"
                f"/publishers/google/models/{config.model}",
                instances=[{"content": text, **task} for text in texts],
                parameters=parameters,
                retry=None,
                timeout=config.timeout,
            )
        except Exception as error:
            raise vertex.failed(error, config.timeout, vertex.token(client)) from None
        return _answer(type(response).pb(response), texts, config.dimensions)

    @cached_property
    def _client(self) -> Any:
        config = self.config
        return vertex.client("PredictionServiceClient", config.api_endpoint, config.location)


def _answer(response: Any, texts: Sequence[str], dimensions: int | None) -> Answer:
    """Return the vectors of a response; `response` is the bare protobuf message, which is quick.

    Raises:
        PluginError: it has not one vector of the right dimension for each text.
    """
    embeddings = [
        entry.struct_value.fields["embeddings"].struct_value for entry in response.predictions
    ]
    rows = [
        np.array([value.number_value for value in entry.fields["values"].list_value.values], "f4")
        for entry in embeddings
    ]
    vectors = as_vectors("vertex", rows, texts, dimensions)
    counts = [entry.fields["statistics"].struct_value.fields for entry in embeddings]
    billed = response.metadata.struct_value.fields
    return Answer(
        vectors,
        plausible_tokens(sum(c["token_count"].number_value for c in counts), texts)
        if all("token_count" in c for c in counts)
        else None,
        int(billed["billableCharacterCount"].number_value)
        if "billableCharacterCount" in billed
        else None,
        np.array(["truncated" in c and c["truncated"].bool_value for c in counts], dtype=bool),
    )


@hookimpl
def benchkit_embedders() -> list[type[Embedder]]:
    return [Vertex]
