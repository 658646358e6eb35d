"""Providers behind a network: what OpenAI's and Google's have in common."""

from __future__ import annotations

import hashlib
import math
import re
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from benchkit import BenchkitError, UnavailableError
from benchkit.contracts.config import Value
from benchkit.contracts.prompted import Conversation, Pairs, Work
from benchkit_plugins.language_models.calls import CallError, persistently
from benchkit_plugins.language_models.prices import Rates, rates
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Completions,
    Course,
    Provider,
    Sampling,
    Status,
    Trained,
)
from benchkit_plugins.recommenders.prompted.providers.hosted import jobs
from benchkit_plugins.recommenders.prompted.providers.hosted.jsonl import answered, tokens_of

_EPOCHS = 5  # to estimate by, where the service chooses; it tends to take 3 or 4
_A_CALL = 3.0  # seconds, roughly
_QUEUE, _TOKENS_A_SECOND = 900.0, 2000.0  # of fine-tuning, roughly
# What servers say of a prompt that does not fit: llama.cpp, vLLM, SGLang, OpenAI, Vertex AI.
_NO_ROOM = re.compile(
    r"context[ _](length|size|window)|maximum model length|input token count", re.IGNORECASE
)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer:
    """What one request brought.

    Attributes:
        texts: completions, none where the request is refused.
        read: tokens; None where the service does not say.
        written: tokens; None where the service does not say.
        refused: why the service does not take this very request, free of secrets; "" where it does.
    """

    texts: list[str]
    read: int | None = None
    written: int | None = None
    refused: str = ""

    @property
    def too_long(self) -> bool:
        """Return whether it is refused since the model has not the room to read and answer it."""
        return bool(_NO_ROOM.search(self.refused))


class Hosted(Provider):
    """Base of providers that are services.

    Attributes:
        default: model that is asked where the user names none.
        most_samples: most completions a request.
        jobs: its fine-tuning.
    """

    paid = True
    default: ClassVar[str]
    most_samples: ClassVar[int]
    jobs: jobs.Jobs

    def __init__(self, config: PromptedConfig, workspace: Path) -> None:
        super().__init__(config, workspace)
        self.most = self.most_samples  # is lowered where a server takes fewer

    @abstractmethod
    def complete(
        self, model: str | None, prompt: Conversation, sampling: Sampling, count: int, seed: int
    ) -> Answer:
        """Return at most `count` completions, or why the request is refused.

        Called from several threads.
        """

    @abstractmethod
    def meaning(self, error: Exception) -> CallError:
        """Return what an error of the service's client means."""

    @property
    def model(self) -> str:
        """Return the base model's name."""
        return self.config.model or self.default

    def recipe(self) -> dict[str, Value]:
        """Return what the service is told of fine-tuning."""
        return {"epochs": self.config.epochs, "learning_rate": self.config.learning_rate}

    def rates(self, tuned: bool) -> Rates:
        """Return what the model costs."""
        return rates(self.name, self.model, tuned, self.config.price)

    def work(self, pairs: Pairs) -> Work:
        """Return what fine-tuning would take."""
        tokens = sum(tokens_of(answered(each)) for each in pairs.train)
        tokens *= self.config.epochs or _EPOCHS
        seconds = _QUEUE + tokens / _TOKENS_A_SECOND
        return Work(1, tokens, self.rates(False).of_training(tokens), seconds)

    def asking(self, prompts: Sequence[Conversation], sampling: Sampling) -> Work:
        """Return what sampling prompt by prompt would take."""
        requests = math.ceil(distinct(sampling) / self.most)
        read = requests * sum(map(tokens_of, prompts))
        written = len(prompts) * distinct(sampling) * sampling.max_tokens
        dollars = self.rates(self.config.state == "fine-tuned").of(read, written) if prompts else 0
        seconds = len(prompts) * requests * _A_CALL / self.config.concurrency
        return Work(len(prompts) * requests, read + written, dollars, seconds)

    def status(self, course: Course) -> Status:
        """Return how a fine-tuning stands at the service."""
        self.check()
        job = self.asked(lambda: self.jobs.find(course))
        return job.status if job else Status("none")

    def train(
        self, course: Course, allow: Callable[[float], None], report: Callable[[str], None]
    ) -> Trained:
        """Find the job of this course, or begin one, and wait for its end."""
        self.check()
        return jobs.trained(self, course, allow, report)

    def sample(
        self,
        model: str | None,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        allow: Callable[[float], None],
        report: Callable[[str], None],
    ) -> Iterator[tuple[int, Completions]]:
        """Ask prompt by prompt, several at a time."""
        from benchkit_plugins.recommenders.prompted.providers.hosted import one_by_one

        self.check()
        yield from one_by_one.sampled(self, model, prompts, sampling, allow, report)

    def check(self) -> None:
        """Refuse to go on where something is missing.

        Raises:
            UnavailableError: it is.
        """
        if problem := self.obstacle():
            raise UnavailableError(f"{self.name} cannot be asked: {problem}")

    def asked(
        self,
        call: Callable[[], Result],
        allow: Callable[[], None] = lambda: None,
        stop: threading.Event | None = None,
    ) -> Result:
        """Return what a call of the service's client gives, tried again where that may help."""

        def tried() -> Result:
            try:
                return call()
            except (BenchkitError, CallError):
                raise
            except Exception as error:
                raise self.meaning(error) from None

        return persistently(tried, allow, self.config.retries, stop or threading.Event())

    def gone(self, model: str) -> CallError:
        """Return what to raise where a fine-tuned model is there no more."""
        return CallError(
            f"{self.name} no longer has the fine-tuned model {model}; another --seed trains anew"
        )


class Unanswered:
    """Prompts that a service does not answer, of one call of `Hosted.sample`."""

    def __init__(self, provider: Hosted, prompts: int) -> None:
        self._name, self._model, self._prompts = provider.name, provider.model, prompts
        self._too_long = 0
        self._refused: list[str] = []

    def counts(self, answer: Answer) -> bool:
        """Count a prompt's last answer; return whether its completions are to be kept."""
        self._too_long += answer.too_long
        if answer.refused and not answer.too_long:
            self._refused.append(answer.refused)
            return False
        return True

    @contextmanager
    def told(self, report: Callable[[str], None]) -> Iterator[None]:
        """Tell at the end what is not answered.

        Raises:
            UnavailableError: prompts were refused that are not too long.
        """
        try:
            yield
        finally:
            if self._too_long:
                report(
                    f"{self._too_long:,} of {self._prompts:,} prompts are too long for "
                    f"{self._model}: they count as unanswered"
                )
        if self._refused:
            raise UnavailableError(
                f"{self._name} refused {len(self._refused):,} of {self._prompts:,} prompts: "
                f"{self._refused[0]}; the others are kept, and the same command asks again"
            )


def distinct(sampling: Sampling) -> int:
    """Return how many completions must be asked for: the likeliest answer is asked for once."""
    return 1 if sampling.temperature == 0 else sampling.samples


def all_of(texts: Sequence[str], sampling: Sampling) -> tuple[str, ...]:
    """Return as many texts as the user wants, of those that were asked for."""
    return tuple(texts) if distinct(sampling) > 1 else tuple(texts) * sampling.samples


def seed_of(sampling: Sampling, start: int) -> int:
    """Return the seed of the request that brings the completions from `start` on, below 2**31.

    vLLM and llama.cpp number a request's completions from its seed on: of seeds side by side, all
    completions but one would be the same.
    """
    digest = hashlib.sha256(f"{sampling.seed} {start}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def counted(tokens: int | None, estimate: int) -> int:
    """Return the tokens that a service counted, else the estimate."""
    return estimate if tokens is None else tokens
