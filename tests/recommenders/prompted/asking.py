"""Providers, fine-tunings and prompts for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchkit.contracts.config import Value
from benchkit.contracts.prompted import Conversation, Example, Message, Pairs
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Completions,
    FineTune,
    Sampling,
)
from benchkit_plugins.recommenders.prompted.providers.hosted.answers import seed_of
from benchkit_plugins.recommenders.prompted.providers.hosted.provider import Hosted
from benchkit_plugins.recommenders.prompted.providers.openai.provider import OpenAI
from benchkit_plugins.recommenders.prompted.providers.vertex.provider import Vertex
from tests.recommenders.prompted import openai_side


def provider(name: str, url: str, **values: Value) -> Hosted:
    """Return a provider that asks the service."""
    where: dict[str, Value] = (
        {"base_url": f"{url}/v1"}
        if name == "openai"
        else {"api_endpoint": url, "bucket": "some-bucket"}
    )
    common: dict[str, Value] = {"timeout": 5.0, "retries": 3, "price": "1/2/3"}
    config = PromptedConfig.create({"provider": name, **common, **where, **values}, "tests")
    kind: type[Hosted] = OpenAI if name == "openai" else Vertex
    return kind(config, Path(tempfile.gettempdir()))


def prompt(text: str) -> Conversation:
    """Return a conversation."""
    return (Message("system", "You recommend."), Message("user", text))


def pairs(train: int = 12, validation: int = 3) -> Pairs:
    """Return pairs to fine-tune on."""
    made = [Example(prompt(f"titles {n}"), f"truth {n}") for n in range(train + validation)]
    return Pairs(made[:train], made[train:])


def fine_tune(of: Hosted, seed: int = 7) -> FineTune:
    """Return a fine-tuning with the provider's own recipe."""
    return FineTune(of.identity(), of.recipe(), pairs(), seed)


def sampling(samples: int = 3, temperature: float = 0.5) -> Sampling:
    """Return how to sample."""
    return Sampling(samples, temperature, 1.0, 16, 100)


def answers(text: str, *counts: int, how: Sampling | None = None) -> tuple[str, ...]:
    """Return what the service answers to requests for so many completions, one after the other."""
    starts = [sum(counts[:place]) for place in range(len(counts))]
    return tuple(
        openai_side.text(text, seed_of(how or sampling(), start), place)
        for start, count in zip(starts, counts, strict=True)
        for place in range(count)
    )


class Recorder:
    """Records the dollars that are allowed, and the lines that are reported."""

    def __init__(self) -> None:
        self.allowed: list[float] = []
        self.lines: list[str] = []

    def allow(self, dollars: float) -> None:
        self.allowed.append(dollars)

    def report(self, line: str) -> None:
        self.lines.append(line)


def sampled(
    of: Hosted,
    texts: Sequence[str],
    how: Sampling | None = None,
    model: str | None = None,
    recorder: Recorder | None = None,
) -> dict[str, Completions]:
    """Return the completions of each prompt."""
    recorder = recorder or Recorder()
    prompts = [prompt(text) for text in texts]
    found = of.sample(model, prompts, how or sampling(), recorder.allow, recorder.report)
    return {texts[index]: completions for index, completions in found}
