"""What a task does: sessions become conversations, answers become ranked lists (paper 4)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from benchkit.contracts.prompted import Conversation, Example
from benchkit.contracts.recommender import Recommendations
from benchkit.contracts.sessions import Sessions

if TYPE_CHECKING:
    from benchkit import Bench
    from benchkit_plugins.recommenders.prompted.config import PromptedConfig
    from benchkit_plugins.recommenders.prompted.templates import Template


@dataclass(frozen=True)
class Reading:
    """What the answers say.

    Attributes:
        lists: ranked items, ``int32[prompts, k]``; short where an answer says too little.
        diagnostics: shares and counts over all answers (paper Table 7).
    """

    lists: Recommendations
    diagnostics: dict[str, float]


class Task(ABC):
    """Base of every task.

    Attributes:
        name: in kebab-case, the word that `benchkit prompts --task` takes.
        samples: completions a prompt.
        max_tokens: longest completion, unless the user says otherwise.
        most: titles that are looked at in a completion.
    """

    name: ClassVar[str]
    samples: ClassVar[int]
    max_tokens: ClassVar[int]
    most: ClassVar[int]

    @classmethod
    @abstractmethod
    def wording(cls, config: PromptedConfig) -> Template:
        """Return the task's template, ours or the user's.

        Raises:
            ConfigError: the user's cannot be used.
        """

    @abstractmethod
    def __init__(self, config: PromptedConfig, train: Sessions, bench: Bench) -> None:
        """Prepare what conversations need (candidates, categories, templates).

        Raises:
            ConfigError: the user's templates cannot be used.
        """

    @abstractmethod
    def example(self, sessions: Sessions) -> list[Example | None]:
        """Return a training pair a session, None where there is none to be had.

        The truth is a session's last item; a session with an item without title, or with fewer
        than three items (a prompt of two), has no pair.
        """

    @abstractmethod
    def ask(self, prompts: Sessions) -> list[Conversation | None]:
        """Return a conversation a prompt; None where no item of it has a title.

        The same prompt gives the same conversation, whatever stands beside it.
        """

    @abstractmethod
    def read(self, prompts: Sessions, answers: Sequence[Sequence[str] | None], k: int) -> Reading:
        """Return the lists that answers stand for.

        Reading never fails: answers are hostile text, and what makes no sense is counted.

        Args:
            prompts: as they were asked.
            answers: completions of each prompt, None where it was not asked.
            k: length of the lists.
        """
