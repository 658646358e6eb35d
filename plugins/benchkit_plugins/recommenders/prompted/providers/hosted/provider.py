"""Providers behind a network: what OpenAI's and Google's have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchkit.contracts.config import Value
from benchkit.contracts.prompted import Pairs, Work
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Allow,
    Answers,
    FineTune,
    Prompts,
    Provider,
    Report,
    Sampling,
    Status,
    Trained,
)
from benchkit_plugins.recommenders.prompted.providers.hosted.answers import distinct
from benchkit_plugins.recommenders.prompted.providers.hosted.files import answered, tokens_of
from benchkit_plugins.recommenders.prompted.providers.hosted.jobs import Jobs, NoFineTuning
from benchkit_plugins.recommenders.prompted.providers.hosted.one_by_one import sample_one_by_one
from benchkit_plugins.recommenders.prompted.providers.hosted.service import Service

_EPOCHS = 5  # to estimate by, where the service chooses; it tends to take 3 or 4
_A_CALL = 3.0  # seconds, roughly
_QUEUE, _TOKENS_A_SECOND = 900.0, 2000.0  # of fine-tuning, roughly


class Hosted(Provider):
    """Base of providers that are services.

    Attributes:
        service_class: the model and its client.
        jobs_class: its fine-tuning; left out where it has none.
    """

    paid = True
    validation = 0
    service_class: ClassVar[type[Service]]
    jobs_class: ClassVar[type[Jobs]] = NoFineTuning
    service: Service

    def __init__(self, config: PromptedConfig, workspace: Path) -> None:
        super().__init__(config, workspace)
        self.service = self.service_class(config, workspace)
        self.jobs = self.jobs_class(self.service)

    def why_unavailable(self) -> str | None:
        if self.config.state == "fine-tuned" and issubclass(self.jobs_class, NoFineTuning):
            return f"it {NoFineTuning.REASON}"
        return self.service.why_unavailable()

    def identity(self) -> dict[str, Value]:
        return self.service.identity()

    def recipe(self) -> dict[str, Value]:
        return {"epochs": self.config.epochs, "learning_rate": self.config.learning_rate}

    def exports(self, pairs: Pairs) -> Mapping[str, str]:
        return {f"{part}.jsonl": content for part, content in self.jobs.files(pairs).items()}

    def training_work(self, pairs: Pairs) -> Work:
        tokens = sum(tokens_of(answered(example)) for example in pairs.train)
        tokens *= self.config.epochs or _EPOCHS
        seconds = _QUEUE + tokens / _TOKENS_A_SECOND
        return Work(1, tokens, self.service.rates(False).of_training(tokens), seconds)

    def sampling_work(self, prompts: Prompts, sampling: Sampling) -> Work:
        requests = math.ceil(distinct(sampling) / self.service.most)
        read = requests * sum(map(tokens_of, prompts))
        written = len(prompts) * distinct(sampling) * sampling.max_tokens
        tuned = self.config.state == "fine-tuned"
        dollars = self.service.rates(tuned).of(read, written) if prompts else 0
        seconds = len(prompts) * requests * _A_CALL / self.config.concurrency
        return Work(len(prompts) * requests, read + written, dollars, seconds)

    def status(self, fine_tune: FineTune) -> Status:
        self.service.require()
        job = self.service.call(lambda: self.jobs.find(fine_tune))
        return job.status if job else Status("none")

    def train(self, fine_tune: FineTune, allow: Allow, report: Report) -> Trained:
        """Find this fine-tuning's job, or begin one, and wait for its end."""
        self.service.require()
        return self.jobs.train(
            fine_tune, lambda: self.training_work(fine_tune.pairs).dollars, allow, report
        )

    def sample(
        self, model: str | None, prompts: Prompts, sampling: Sampling, allow: Allow, report: Report
    ) -> Answers:
        """Ask prompt by prompt, several at a time."""
        self.service.require()
        yield from sample_one_by_one(self.service, model, prompts, sampling, allow, report)
