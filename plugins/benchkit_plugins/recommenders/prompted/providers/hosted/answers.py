"""Answers of services: how many are requested, what one request brings, which prompts get none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchkit import UnavailableError
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Report,
    Sampling,
)

# What servers say of a prompt that does not fit: llama.cpp, vLLM, SGLang, OpenAI, Vertex AI.
_NO_ROOM = re.compile(
    r"context[ _](length|size|window)|maximum model length|input token count", re.IGNORECASE
)


@dataclass(frozen=True)
class Answer:
    """The answer to one request.

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
        """Whether it is refused since the model has not the room to read and answer it."""
        return bool(_NO_ROOM.search(self.refused))


class Unanswered:
    """Prompts that a service does not answer, of one call of `Hosted.sample`.

    Args:
        service: its name.
        model: the base model's name.
        prompts: how many are sent.
    """

    def __init__(self, service: str, model: str, prompts: int) -> None:
        self._service, self._model, self._prompts = service, model, prompts
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
    def reported(self, report: Report) -> Iterator[None]:
        """Report at the end what is not answered.

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
                f"{self._service} refused {len(self._refused):,} of {self._prompts:,} prompts: "
                f"{self._refused[0]}; the others are kept, and the same command asks again"
            )


def distinct(sampling: Sampling) -> int:
    """Return how many completions must be requested: the likeliest answer is requested once."""
    return 1 if sampling.temperature == 0 else sampling.samples


def all_of(texts: Sequence[str], sampling: Sampling) -> tuple[str, ...]:
    """Return as many texts as the user wants, of those that were requested."""
    return tuple(texts) if distinct(sampling) > 1 else tuple(texts) * sampling.samples


def seed_of(sampling: Sampling, start: int) -> int:
    """Return the seed of the request that brings the completions from `start` on, below 2**31.

    vLLM and llama.cpp number a request's completions from its seed on: of seeds side by side, all
    completions but one would be the same.
    """
    digest = hashlib.sha256(f"{sampling.seed} {start}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
