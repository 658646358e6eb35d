"""Asking a service prompt by prompt, several at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from benchkit import UnavailableError
from benchkit.contracts.prompted import Conversation
from benchkit_plugins.language_models.calls import in_parallel
from benchkit_plugins.recommenders.prompted.providers.contract import Completions, Sampling
from benchkit_plugins.recommenders.prompted.providers.hosted import service
from benchkit_plugins.recommenders.prompted.providers.hosted.jsonl import tokens_of

if TYPE_CHECKING:
    from benchkit_plugins.recommenders.prompted.providers.hosted.service import Answer, Hosted

HOPELESS = 20  # prompts refused before any is answered: the fault is not theirs


def sampled(
    provider: Hosted,
    model: str | None,
    prompts: Sequence[Conversation],
    sampling: Sampling,
    allow: Callable[[float], None],
    report: Callable[[str], None],
) -> Iterator[tuple[int, Completions]]:
    """Yield completions as they arrive, empty ones of prompts that are too long."""
    run = _Run(provider, model, sampling, allow)

    def one(index: int, stop: threading.Event) -> tuple[int, Completions, Answer]:
        return index, *run.answered(prompts[index], stop)

    calls = [partial(one, index) for index in range(len(prompts))]
    unanswered = service.Unanswered(provider, len(prompts))
    # kept for good once yielded: not before the server has shown that it has room for any prompt
    held: list[tuple[int, Completions]] = []
    with unanswered.told(report):
        for index, completions, answer in in_parallel(calls, provider.config.concurrency):
            if unanswered.counts(answer):
                held.append((index, completions))
            while held and run.served:
                yield held.pop()
        yield from held


class _Run:
    """One call of `sampled`.

    Attributes:
        served: whether any prompt has been answered.
    """

    def __init__(
        self,
        provider: Hosted,
        model: str | None,
        sampling: Sampling,
        allow: Callable[[float], None],
    ) -> None:
        self.provider, self.model, self.sampling, self.allow = provider, model, sampling, allow
        self.rates = provider.rates(model is not None)
        self.served = False
        self._refused: list[str] = []

    def answered(self, prompt: Conversation, stop: threading.Event) -> tuple[Completions, Answer]:
        """Return all answers to a prompt, and the last of its requests', which may be a refusal.

        Raises:
            UnavailableError: the service cannot be asked, or refuses whatever it is asked.
        """
        completions, answer = self._completions(prompt, stop)
        self.served = self.served or not answer.refused
        if answer.refused:
            self._refused.append(answer.refused)
            if len(self._refused) >= HOPELESS and not self.served:
                raise UnavailableError(
                    f"{self.provider.name} refuses all prompts: {answer.refused}; the same command "
                    "asks again"
                )
        return completions, answer

    def _completions(
        self, prompt: Conversation, stop: threading.Event
    ) -> tuple[Completions, Answer]:
        began, most = time.monotonic(), self.provider.most
        wanted = service.distinct(self.sampling)
        texts: list[str] = []
        read = written = 0
        promised = 0.0
        while True:
            count = min(most, self.provider.most, wanted - len(texts))
            estimate = self.rates.of(tokens_of(prompt), count * self.sampling.max_tokens)
            answer = self._asked(prompt, count, len(texts), estimate, stop)
            promised += estimate
            if answer.refused and count > 1 and not answer.too_long:
                # llama.cpp takes no more completions than it has slots, some Geminis take one
                most = count // 2
                continue
            if not answer.refused:
                self.provider.most = min(self.provider.most, most)
            texts += answer.texts
            read += service.counted(answer.read, tokens_of(prompt))
            written += service.counted(answer.written, len(answer.texts) * self.sampling.max_tokens)
            if answer.refused or len(texts) >= wanted:
                break
        texts += [""] * (wanted - len(texts))
        dollars, seconds = self.rates.of(read, written), time.monotonic() - began
        drawn = service.all_of(texts, self.sampling)
        return Completions(drawn, read, written, dollars, promised, seconds), answer

    def _asked(
        self,
        prompt: Conversation,
        count: int,
        start: int,
        estimate: float,
        stop: threading.Event,
    ) -> Answer:
        seed = service.seed_of(self.sampling, start)
        complete = self.provider.complete
        return self.provider.asked(
            partial(complete, self.model, prompt, self.sampling, count, seed),
            partial(self.allow, estimate),
            stop,
        )
