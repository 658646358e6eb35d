"""OpenAI's batch API: many prompts within a day, at half the price.

A batch is found again by a label of model and sampling, an answer in it by a digest of its request.
So a run that was killed, even while it was reading answers, pays for none of them again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from benchkit import UnavailableError
from benchkit_plugins.language_models import openai
from benchkit_plugins.language_models.calls import CallError, scrubbed
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Allow,
    Answers,
    Completions,
    Prompts,
    Report,
    Sampling,
)
from benchkit_plugins.recommenders.prompted.providers.hosted import jobs
from benchkit_plugins.recommenders.prompted.providers.hosted.answers import (
    Answer,
    Unanswered,
    all_of,
    distinct,
    seed_of,
)
from benchkit_plugins.recommenders.prompted.providers.hosted.files import tokens_of
from benchkit_plugins.recommenders.prompted.providers.openai import chat
from benchkit_plugins.recommenders.prompted.providers.openai.jobs import uploaded
from benchkit_plugins.recommenders.prompted.providers.openai.service import OpenAIService

Ask = Callable[..., Answers]  # as `Provider.sample`
LARGEST = 10_000  # requests a batch; the service takes 50,000, but answers must fit in memory
WINDOW = 86_400.0  # seconds within which the service answers
_PART = "requests"  # key of the metadata that says which requests a batch holds
_UNDER_WAY = ("validating", "in_progress", "finalizing", "cancelling")
_ENDPOINT = "/v1/chat/completions"


@dataclass
class _Request:
    """A prompt that waits for its answers; `reserved` is what this run told `allow` for it."""

    index: int
    body: dict[str, Any]
    tokens: int
    reserved: float = 0.0


def sample_in_batches(
    service: OpenAIService,
    model: str | None,
    prompts: Prompts,
    sampling: Sampling,
    allow: Allow,
    report: Report,
    one_by_one: Ask,
) -> Answers:
    """Yield completions of earlier batches, then of new ones, one batch after the other.

    Where too few are left to be worth a batch, they are asked `one_by_one`.
    """
    run = _Run(service, model, sampling, prompts, report)
    with run.unanswered.reported(report):
        for batch in service.call(run.earlier):
            if run.concerned(batch):
                yield from run.answers(batch)
        rows = [request.index for request in run.waiting.values()]
        if not service.batched(len(rows)):
            left = [prompts[row] for row in rows]
            for place, completions in one_by_one(model, left, sampling, allow, report):
                yield rows[place], completions
            return
        while run.waiting:
            part = dict(islice(run.waiting.items(), LARGEST))
            allow(run.promise(part))
            batch = service.call(partial(run.begun, part))
            yield from run.answers(batch)
            if len(part.keys() - run.waiting.keys()) == 0:
                raise UnavailableError(
                    f"the batch {batch.id} at openai brought no answer{run.problem}; the same "
                    "command asks again, with batch=false one by one"
                )
            run.give_up_refused()


class _Run:
    """One call of `sample_in_batches`: what still waits, and what has been read."""

    def __init__(
        self,
        service: OpenAIService,
        model: str | None,
        sampling: Sampling,
        prompts: Prompts,
        report: Report,
    ) -> None:
        self.service, self.sampling, self.report = service, sampling, report
        self.rates = service.rates(model is not None)
        self.count = distinct(sampling)
        name, seed = model or service.model, seed_of(sampling, 0)
        self.label = _digest({"model": name, "sampling": repr(sampling)})
        # of what is asked, not of what is sent: there, titles that cannot be sent may be the same
        self.waiting = {
            _digest([[turn.role, turn.content] for turn in prompt]): _Request(
                index,
                chat.request(name, prompt, sampling, self.count, seed, service.own),
                tokens_of(prompt),
            )
            for index, prompt in enumerate(prompts)
        }
        self.seen: set[str] = set()
        self.problem = ""
        self.refused: dict[str, Answer] = {}
        self.unanswered = Unanswered(service.name, service.model, len(prompts))

    def dollars(self, read: int, written: int) -> float:
        return self.rates.of(read, written, batch=True)

    def promise(self, part: dict[str, _Request]) -> float:
        """Return the estimated dollars of these requests, and note them."""
        written = self.count * self.sampling.max_tokens
        estimates = [self.dollars(request.tokens, written) for request in part.values()]
        for request, estimate in zip(part.values(), estimates, strict=True):
            request.reserved += estimate
        return sum(estimates)

    def earlier(self) -> list[Any]:
        """Return this label's batches, whichever process began them."""
        batches = self.service.client.batches.list(limit=100)
        return [batch for batch in batches if (batch.metadata or {}).get(jobs.LABEL) == self.label]

    def begun(self, part: dict[str, _Request]) -> Any:
        """Return a batch of these requests, begun unless it is there."""
        digest = _digest(sorted(part))
        for batch in self.earlier():
            usable = batch.status in (*_UNDER_WAY, "completed") and batch.id not in self.seen
            if usable and batch.metadata.get(_PART) == digest:
                return batch
        lines = "".join(_line(name, request.body) for name, request in part.items())
        client = self.service.client
        return client.batches.create(
            input_file_id=uploaded(client, f"benchkit-{_digest([lines])}.jsonl", lines, "batch"),
            endpoint=_ENDPOINT,
            completion_window="24h",
            metadata={jobs.LABEL: self.label, _PART: digest},
        )

    def concerned(self, batch: Any) -> bool:
        """Return whether a batch asks what waits here."""
        names = (_fields(line).get("custom_id") for line in self._lines(batch.input_file_id))
        return any(name in self.waiting for name in names)

    def answers(self, batch: Any) -> Answers:
        """Yield a batch's answers to waiting prompts, after its end."""
        self.seen.add(batch.id)
        self.problem, self.refused = "", {}
        batch = self._end(batch)
        if batch is None:
            return
        seconds = float((batch.completed_at or batch.expired_at or time.time()) - batch.created_at)
        share = seconds / max(1, getattr(batch.request_counts, "total", 0))
        for error in getattr(batch.errors, "data", None) or []:
            self._note(error.message)
        for file in filter(None, (batch.output_file_id, batch.error_file_id)):
            for line in self._lines(file):
                yield from self._read(line, share)

    def give_up_refused(self) -> None:
        """Wait no more for what the last batch was refused: so would the next one be."""
        for name, answer in self.refused.items():
            del self.waiting[name]
            self.unanswered.counts(answer)

    def _end(self, batch: Any) -> Any:
        """Return a batch at its end, None where it has vanished."""
        reported, waits = "", jobs.pauses()
        while batch is not None:
            done, total = (getattr(batch.request_counts, k, 0) for k in ("completed", "total"))
            state = f"batch {batch.id}: {batch.status}, {done} of {total}".replace("_p", " p")
            if state != reported:
                reported = state
                self.report(state)
            if batch.status not in _UNDER_WAY:
                return batch
            time.sleep(next(waits))
            batch = self.service.call(partial(self._look, batch.id))
        self._note("it has vanished")
        return None

    def _look(self, name: str) -> Any:
        from openai import NotFoundError

        try:
            return self.service.client.batches.retrieve(name)
        except NotFoundError:
            return None

    def _lines(self, file: str) -> list[bytes]:
        """Return a file's lines, none of one that the service has deleted."""
        from openai import NotFoundError

        def content() -> bytes:
            try:
                return bytes(self.service.client.files.content(file).content)
            except NotFoundError:
                return b""

        return self.service.call(content).split(b"\n")

    def _read(self, line: bytes, seconds: float) -> Answers:
        """Yield the answers that a line brings, if it does."""
        entry = _fields(line)
        name = str(entry.get("custom_id"))
        request = self.waiting.get(name)
        response = chat.fields(entry.get("response"))
        body = chat.fields(response.get("body"))
        error = chat.fields(entry.get("error") or body.get("error"))
        if request is None:
            return
        try:
            if response.get("status_code") in chat.REFUSING:
                reason = scrubbed(error.get("message"), openai.key())
                answer = chat.refusal(error, reason, self.count)
            else:
                answer = chat.read(body, self.count)
        except CallError as problem:
            self._note(error.get("message") or problem.reason)
            return
        if answer.refused and not answer.too_long:
            self._note(answer.refused)
            self.refused[name] = answer
            return
        texts = [""] * self.count if answer.too_long else answer.texts
        if len(texts) < self.count:
            self._note(f"{len(texts)} completions instead of {self.count}")
            return
        self.unanswered.counts(answer)
        del self.waiting[name]
        read, written = answer.read or 0, answer.written or 0
        dollars = self.dollars(read, written)
        yield (
            request.index,
            Completions(
                all_of(texts, self.sampling),
                read,
                written,
                dollars,
                request.reserved,
                seconds,
                earlier=0.0 if request.reserved else dollars,
            ),
        )

    def _note(self, words: object) -> None:
        self.problem = self.problem or f": {scrubbed(words, openai.key())}"


def _line(name: str, body: dict[str, Any]) -> str:
    line = {"custom_id": name, "method": "POST", "url": _ENDPOINT, "body": body}
    return json.dumps(line) + "\n"


def _fields(line: bytes) -> dict[str, Any]:
    """Return a line's fields, none where it is no JSON object."""
    try:
        return chat.fields(json.loads(line))
    except ValueError:
        return {}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
