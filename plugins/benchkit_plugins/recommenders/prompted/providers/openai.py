"""OpenAI as a provider, and servers that speak its protocol (vLLM, llama.cpp, xllamacpp)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from benchkit.contracts.config import Value
from benchkit.contracts.prompted import Conversation, Work
from benchkit_plugins.language_models import openai, served
from benchkit_plugins.language_models.calls import CallError
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import Completions, Sampling
from benchkit_plugins.recommenders.prompted.providers.hosted import batches, chat
from benchkit_plugins.recommenders.prompted.providers.hosted.openai_jobs import OpenAIJobs
from benchkit_plugins.recommenders.prompted.providers.hosted.service import Answer, Hosted
from benchkit_plugins.recommenders.prompted.store import identities

_MANY = 100  # prompts from which on the batch API is worth its wait


class OpenAI(Hosted):
    """OpenAI's fine-tuning, chat completions and batches.

    The paper's ada and gpt-3.5-turbo are retired; the default is the last small model that can be
    fine-tuned and sampled at a temperature (until 2027-01-14). The key comes from OPENAI_API_KEY
    alone, the address from `base_url` alone.
    """

    name = "openai"
    validation = 500
    default = "gpt-4.1-mini-2025-04-14"
    most_samples = 128

    def __init__(self, config: PromptedConfig, workspace: Path) -> None:
        super().__init__(config, workspace)
        self.jobs = OpenAIJobs(self)

    def obstacle(self) -> str | None:
        """Return what is missing: the package or the key."""
        return openai.obstacle()

    def identity(self) -> dict[str, Value]:
        """Return the model, the server, and which model of that name it serves."""
        named: dict[str, Value] = {"model": self.model, "base_url": self.base_url}
        stores = partial(identities, self.workspace, self.name)
        return named | served.revision(named, self.config.revision, stores)

    @property
    def base_url(self) -> str:
        """Return the server's address."""
        return (self.config.base_url or openai.OWN).rstrip("/")

    @property
    def own(self) -> bool:
        """Return whether it is OpenAI itself that is asked."""
        return self.base_url == openai.OWN

    @cached_property
    def client(self) -> Any:
        """The SDK's client."""
        return openai.client(self.base_url, self.config.timeout)

    def meaning(self, error: Exception) -> CallError:
        """Return what an error of the SDK means."""
        return openai.failed(error, self.config.timeout)

    def batched(self, prompts: int) -> bool:
        """Return whether so many prompts go through the batch API."""
        chosen = self.config.batch
        return self.own and prompts >= _MANY if chosen is None else chosen

    def asking(self, prompts: Sequence[Conversation], sampling: Sampling) -> Work:
        """Return what sampling would take."""
        work = super().asking(prompts, sampling)
        if not prompts or not self.batched(len(prompts)):
            return work
        dollars = work.dollars * self.rates(self.config.state == "fine-tuned").batch
        days = math.ceil(len(prompts) / batches.LARGEST)
        return Work(work.calls, work.tokens, dollars, days * batches.WINDOW)

    def sample(
        self,
        model: str | None,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        allow: Callable[[float], None],
        report: Callable[[str], None],
    ) -> Iterator[tuple[int, Completions]]:
        """Ask in batches or prompt by prompt; what batches have brought already, not again."""
        one_by_one = super().sample
        if not self.batched(_MANY):
            return one_by_one(model, prompts, sampling, allow, report)
        self.check()
        return batches.sampled(self, model, prompts, sampling, allow, report, one_by_one)

    def complete(
        self, model: str | None, prompt: Conversation, sampling: Sampling, count: int, seed: int
    ) -> Answer:
        """Return the completions of one request."""
        from openai import APIStatusError

        body = chat.request(model or self.model, prompt, sampling, count, seed, self.own)
        try:
            raw = self.client.chat.completions.with_raw_response.create(**body)
        except APIStatusError as error:
            if error.status_code == 404 and model is not None:
                raise self.gone(model) from None
            if error.status_code not in chat.REFUSING:
                raise
            return chat.refusal(error.body, self.meaning(error).reason, count)
        return chat.read(json.loads(raw.http_response.content), count)
