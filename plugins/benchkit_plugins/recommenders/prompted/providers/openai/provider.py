"""OpenAI as a provider, and servers that speak its protocol (vLLM, llama.cpp, xllamacpp)."""

from __future__ import annotations

import math

from benchkit.contracts.prompted import Work
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Allow,
    Answers,
    Prompts,
    Report,
    Sampling,
)
from benchkit_plugins.recommenders.prompted.providers.hosted.provider import Hosted
from benchkit_plugins.recommenders.prompted.providers.openai import batches
from benchkit_plugins.recommenders.prompted.providers.openai.jobs import OpenAIJobs
from benchkit_plugins.recommenders.prompted.providers.openai.service import OpenAIService


class OpenAI(Hosted):
    """OpenAI's fine-tuning, chat completions and batches."""

    name = OpenAIService.name
    validation = 500
    service_class = OpenAIService
    jobs_class = OpenAIJobs
    service: OpenAIService

    def sampling_work(self, prompts: Prompts, sampling: Sampling) -> Work:
        work = super().sampling_work(prompts, sampling)
        if not prompts or not self.service.batched(len(prompts)):
            return work
        dollars = work.dollars * self.service.rates(self.config.state == "fine-tuned").batch
        days = math.ceil(len(prompts) / batches.LARGEST)
        return Work(work.calls, work.tokens, dollars, days * batches.WINDOW)

    def sample(
        self, model: str | None, prompts: Prompts, sampling: Sampling, allow: Allow, report: Report
    ) -> Answers:
        """Ask in batches or prompt by prompt; what batches have brought already, not again."""
        one_by_one = super().sample
        if not self.service.batched():
            return one_by_one(model, prompts, sampling, allow, report)
        self.service.require()
        return batches.sample_in_batches(
            self.service, model, prompts, sampling, allow, report, one_by_one
        )
