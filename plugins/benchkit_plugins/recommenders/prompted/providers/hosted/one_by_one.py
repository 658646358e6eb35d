"""Ask a service prompt by prompt, several at a time.

Where a prompt takes several requests, what each brings is kept in a store of its own: a run that
ends between two of them goes on from there.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import partial

from benchkit import UnavailableError
from benchkit.contracts.prompted import Conversation
from benchkit_plugins.language_models.calls import in_parallel
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Allow,
    Answers,
    Completions,
    Prompts,
    Report,
    Sampling,
)
from benchkit_plugins.recommenders.prompted.providers.hosted.answers import (
    Answer,
    Unanswered,
    all_of,
    distinct,
    seed_of,
)
from benchkit_plugins.recommenders.prompted.providers.hosted.files import tokens_of
from benchkit_plugins.recommenders.prompted.providers.hosted.service import Service
from benchkit_plugins.recommenders.prompted.store import CompletionStore, key_of

HOPELESS = 20  # prompts refused before any is answered: the fault is not theirs


def sample_one_by_one(
    service: Service,
    model: str | None,
    prompts: Prompts,
    sampling: Sampling,
    allow: Allow,
    report: Report,
) -> Answers:
    """Yield completions as they arrive, empty ones of prompts that are too long."""
    run = _Run(service, model, sampling, allow)

    def one(index: int, stop: threading.Event) -> tuple[int, Completions, Answer]:
        return index, *run.answered(prompts[index], stop)

    calls = [partial(one, index) for index in range(len(prompts))]
    unanswered = Unanswered(service.name, service.model, len(prompts))
    # kept for good once yielded: not before the server has shown that it has room for any prompt
    held: list[tuple[int, Completions]] = []
    with unanswered.reported(report):
        for index, completions, answer in in_parallel(calls, service.config.concurrency):
            if unanswered.counts(answer):
                held.append((index, completions))
            while held and run.served:
                yield held.pop()
        yield from held


class _Run:
    """One call of `sample_one_by_one`.

    Attributes:
        served: whether any prompt has been answered.
        parts: what single requests brought, by prompt and place.
    """

    def __init__(
        self, service: Service, model: str | None, sampling: Sampling, allow: Allow
    ) -> None:
        self.service, self.model, self.sampling, self.allow = service, model, sampling, allow
        self.rates = service.rates(model is not None)
        self.served = False
        self._refused: list[str] = []
        name = f"{service.name}-parts"
        self.parts = CompletionStore(service.workspace, name, service.identity())
        self.parts.refresh()
        self._lock = threading.Lock()

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
                    f"{self.service.name} refuses all prompts: {answer.refused}; the same command "
                    "asks again"
                )
        return completions, answer

    def _completions(
        self, prompt: Conversation, stop: threading.Event
    ) -> tuple[Completions, Answer]:
        wanted, most = distinct(self.sampling), self.service.most
        whole, answer = Completions(()), Answer([])
        spare = 0.0  # dollars reserved for requests that were refused, and cost nothing
        while (missing := wanted - len(whole.texts)) and not answer.refused:
            key = self._key(prompt, len(whole.texts))
            part = self.parts.completions(key)
            if part is None:
                count = min(most, self.service.most, missing)
                answer, part = self._asked(prompt, count, len(whole.texts), spare, stop)
                spare = spare + part.reserved if answer.refused else 0.0
                if not answer.refused:
                    self.service.most = min(self.service.most, most)
                    self._keep(key, part, wanted)
                elif count > 1 and not answer.too_long:
                    # llama.cpp takes no more completions than it has slots, some Geminis take one
                    most, answer = count // 2, Answer([])
            else:
                part = replace(part, earlier=part.dollars)
            whole = _joined(whole, part)
        texts = whole.texts + ("",) * missing
        return replace(whole, texts=all_of(texts, self.sampling)), answer

    def _asked(
        self,
        prompt: Conversation,
        count: int,
        start: int,
        spare: float,
        stop: threading.Event,
    ) -> tuple[Answer, Completions]:
        """Send one request for the completions from `start` on.

        Args:
            spare: dollars reserved already that nothing else will take.
        """
        began, seed = time.monotonic(), seed_of(self.sampling, start)
        longest, complete = self.sampling.max_tokens, self.service.complete
        promise = max(0.0, self.rates.of(tokens_of(prompt), count * longest) - spare)
        answer = self.service.call(
            partial(complete, self.model, prompt, self.sampling, count, seed),
            partial(self.allow, promise),
            stop,
        )
        read = tokens_of(prompt) if answer.read is None else answer.read
        written = answer.written
        if written is None:  # the service does not say
            written = len(answer.texts) * longest
        dollars, seconds = self.rates.of(read, written), time.monotonic() - began
        return answer, Completions(tuple(answer.texts), read, written, dollars, promise, seconds)

    def _key(self, prompt: Conversation, start: int) -> str:
        return key_of(f"{self.model or ''} from {start}", prompt, self.sampling)

    def _keep(self, key: str, part: Completions, wanted: int) -> None:
        """Keep what a request brought, unless it is all that is wanted: that is kept as such."""
        if len(part.texts) < wanted:
            with self._lock:
                self.parts.keep(key, replace(part, reserved=0.0))


def _joined(one: Completions, other: Completions) -> Completions:
    sums = {name: value + getattr(other, name) for name, value in vars(one).items()}
    return Completions(**sums)
