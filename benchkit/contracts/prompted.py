"""Recommenders that prompt a language model (paper 4): what can be seen and told beforehand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from benchkit.contracts.recommender import Bench, Recommender
from benchkit.contracts.sessions import Sessions


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; the content is hostile text, as titles are."""

    role: Literal["system", "user", "assistant"]
    content: str


Conversation = tuple[Message, ...]


@dataclass(frozen=True)
class Example:
    """What a model is fine-tuned on: a conversation, and the answer that is wanted."""

    prompt: Conversation
    completion: str


@dataclass(frozen=True)
class Pairs:
    """Examples to fine-tune on, and those kept out of it to see how it goes."""

    train: Sequence[Example]
    validation: Sequence[Example]


@dataclass(frozen=True)
class Work:
    """What is still to be asked for, an upper estimate.

    Attributes:
        calls: requests, one a prompt, and one for fine-tuning.
        tokens: tokens read and written.
        dollars: US dollars, 0 where it is free.
        seconds: wall time; 0 where nobody can tell.
    """

    calls: int = 0
    tokens: int = 0
    dollars: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Work) -> Work:
        """Return both together."""
        return Work(
            self.calls + other.calls,
            self.tokens + other.tokens,
            self.dollars + other.dollars,
            self.seconds + other.seconds,
        )


class PromptedRecommender(Recommender):
    """Base of recommenders that prompt a language model.

    They take hours or money, so `benchkit run --all` leaves them out and says what they would
    take; `-r NAME` includes them.

    Attributes:
        task: what the model is asked to do, the word that `benchkit prompts --task` takes.
    """

    task: ClassVar[str]

    def pays(self) -> bool:
        """Return whether asking costs money; machines that join a search never pay."""
        return False

    @abstractmethod
    def pairs(self, train: Sessions, bench: Bench) -> Pairs:
        """Return what the model would be fine-tuned on; nothing is sent.

        Args:
            train: training sessions, as in `fit`.
            bench: as in `fit`.
        """

    @abstractmethod
    def exports(self, pairs: Pairs) -> Mapping[str, str]:
        """Return the pairs as providers take them: contents of files, by file name.

        Raises:
            DataError: a provider would refuse them; the message says which pair and why.
        """

    @abstractmethod
    def estimate(self, train: Sessions, prompts: Sessions, bench: Bench) -> Work:
        """Return what `fit` and `recommend` would still ask for; nothing is sent.

        Args:
            train: training sessions, as in `fit`.
            prompts: as in `recommend`.
            bench: as in `fit`.
        """

    @abstractmethod
    def diagnostics(self) -> Mapping[str, float]:
        """Return what the answers were like, after `recommend` (paper Table 7).

        Shares are in [0, 1]; ``hallucinations`` is the share of answers that name nothing there
        was to choose from: of the catalog, or of what the prompt showed.
        """
