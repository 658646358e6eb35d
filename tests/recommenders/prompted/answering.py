"""A provider that answers by rule and counts what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchkit.contracts.config import Value
from benchkit.contracts.errors import UnavailableError
from benchkit.contracts.prompted import Conversation, Message, Pairs, Work
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Completions,
    FineTune,
    Provider,
    Sampling,
    Status,
    Trained,
)

SAMPLING = Sampling(samples=2, temperature=0.5, top_p=1.0, max_tokens=10, seed=0)


def conversation(text: str) -> Conversation:
    return (Message("system", "Go on."), Message("user", text))


class Echo(Provider):
    """Answers with the model's name and the prompt, at a cent each; breaks off on order.

    Attributes:
        asked: the user's words of every prompt that was sent.
        fine_tunes: keys of the fine-tunings that were begun.
        answers: how many prompts are answered before it breaks off.
        reason: why it cannot be asked; None where it can.
        gone: whether what was trained is no longer there.
    """

    name = "echo"
    paid = True
    validation = 2

    def __init__(self, config: PromptedConfig, workspace: Path) -> None:
        super().__init__(config, workspace)
        self.asked: list[str] = []
        self.fine_tunes: list[str] = []
        self.answers = 10**9
        self.reason: str | None = None
        self.gone = False

    def why_unavailable(self) -> str | None:
        return self.reason

    def identity(self) -> dict[str, Value]:
        return {"model": self.config.model}

    def recipe(self) -> dict[str, Value]:
        return {"epochs": self.config.epochs}

    def training_work(self, pairs: Pairs) -> Work:
        return Work(1, 10 * len(pairs.train), 5.0)

    def sampling_work(self, prompts: Sequence[Conversation], sampling: Sampling) -> Work:
        return Work(len(prompts), 7 * len(prompts), 0.01 * len(prompts))

    def status(self, fine_tune: FineTune) -> Status:
        return Status("succeeded" if fine_tune.key in self.fine_tunes else "none")

    def has(self, fine_tune: FineTune) -> bool:
        return not self.gone

    def train(
        self, fine_tune: FineTune, allow: Callable[[float], None], report: Callable[[str], None]
    ) -> Trained:
        allow(5.0)
        self.fine_tunes.append(fine_tune.key)
        return Trained(f"tuned-{len(fine_tune.pairs.train)}", 100, 4.0, 60.0, reserved=5.0)

    def sample(
        self,
        model: str | None,
        prompts: Sequence[Conversation],
        sampling: Sampling,
        allow: Callable[[float], None],
        report: Callable[[str], None],
    ) -> Iterator[tuple[int, Completions]]:
        for row in reversed(range(len(prompts))):
            if len(self.asked) == self.answers:
                raise UnavailableError("the line is dead")
            allow(0.01)
            words = prompts[row][-1].content
            self.asked.append(words)
            texts = tuple(f"{model}: {words}" for _ in range(sampling.samples))
            yield row, Completions(texts, 5, 2, dollars=0.01, reserved=0.01, seconds=0.5)
