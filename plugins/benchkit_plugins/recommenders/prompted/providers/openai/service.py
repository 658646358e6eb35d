"""OpenAI's service, and servers that speak its protocol (vLLM, llama.cpp, xllamacpp)."""

from __future__ import annotations

import json
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from benchkit.contracts.config import Value
from benchkit.contracts.prompted import Conversation
from benchkit_plugins.language_models import openai, served
from benchkit_plugins.language_models.calls import CallError
from benchkit_plugins.recommenders.prompted.providers.contract import Sampling
from benchkit_plugins.recommenders.prompted.providers.hosted.answers import Answer
from benchkit_plugins.recommenders.prompted.providers.hosted.service import Service
from benchkit_plugins.recommenders.prompted.providers.openai import chat
from benchkit_plugins.recommenders.prompted.store import identities

_MANY = 100  # prompts from which on the batch API is worth its wait


class OpenAIService(Service):
    """Chat completions.

    The paper's ada and gpt-3.5-turbo are retired; the default is the last small model that can be
    fine-tuned and sampled at a temperature (until 2027-01-14). The key comes from OPENAI_API_KEY
    alone, the address from `base_url` alone.
    """

    name = "openai"
    default = "gpt-4.1-mini-2025-04-14"
    most_samples = 128
    prices = Path(__file__).with_name("prices.json")

    def why_unavailable(self) -> str | None:
        return openai.why_unavailable()

    def identity(self) -> dict[str, Value]:
        """Return the model, the server, and which model of that name it serves."""
        named: dict[str, Value] = {"model": self.model, "base_url": self.base_url}
        stores = partial(identities, self.workspace, self.name)
        return named | served.revision(named, self.config.revision, stores)

    @property
    def base_url(self) -> str:
        """The server's address."""
        return (self.config.base_url or openai.OWN).rstrip("/")

    @property
    def own(self) -> bool:
        """Whether it is OpenAI itself that is asked."""
        return self.base_url == openai.OWN

    @cached_property
    def client(self) -> Any:
        return openai.client(self.base_url, self.config.timeout)

    def call_error(self, error: Exception) -> CallError:
        return openai.failed(error, self.config.timeout)

    def batched(self, prompts: int = _MANY) -> bool:
        """Return whether so many prompts go through the batch API."""
        chosen = self.config.batch
        return self.own and prompts >= _MANY if chosen is None else chosen

    def complete(
        self, model: str | None, prompt: Conversation, sampling: Sampling, count: int, seed: int
    ) -> Answer:
        from openai import APIStatusError

        body = chat.request(model or self.model, prompt, sampling, count, seed, self.own)
        try:
            raw = self.client.chat.completions.with_raw_response.create(**body)
        except APIStatusError as error:
            if error.status_code == 404 and model is not None:
                raise self.gone(model) from None
            if error.status_code not in chat.REFUSING:
                raise
            return chat.refusal(error.body, self.call_error(error).reason, count)
        return chat.read(json.loads(raw.http_response.content), count)
