"""Tasks: sessions become conversations of titles, answers become ranked items (paper 4).

A task stands beside its recommender, or here where several share it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benchkit.contracts.arrays import Bool, Int32
from benchkit.contracts.prompted import Conversation, Example
from benchkit.contracts.recommender import Recommendations
from benchkit.contracts.sessions import Sessions
from benchkit.toolkit.ranking import excluded
from benchkit_plugins.recommenders.prompted.diagnostics import diagnose
from benchkit_plugins.recommenders.prompted.matching import Matching
from benchkit_plugins.recommenders.prompted.templates import Template, read_template
from benchkit_plugins.recommenders.prompted.titles import Title, Titles, titles_in

if TYPE_CHECKING:
    from benchkit import Bench
    from benchkit_plugins.recommenders.prompted.config import PromptedConfig

COUNT = 20  # titles that are asked for (paper 4)


@dataclass(frozen=True)
class Reading:
    """The answers, read.

    Attributes:
        lists: ranked items, ``int32[prompts, k]``; short where an answer says too little.
        diagnostics: shares and counts over all answers (paper Table 7).
    """

    lists: Recommendations
    diagnostics: dict[str, float]


class Task(ABC):
    """Base of the tasks: sessions become conversations, answers become ranked lists.

    Args:
        config: the recommender's parameters.
        train: the training sessions.
        bench: titles of the catalog, embeddings, other recommenders; asked where they are needed.

    Raises:
        ConfigError: the user's templates cannot be used.

    Attributes:
        name: in kebab-case, the word that `benchkit prompts --task` takes.
        samples: completions a prompt.
        max_tokens: longest completion, unless the user says otherwise.
        most: titles that are looked at in a completion.
        required: placeholders that a template must hold.
        optional: others that it may hold.
    """

    name: ClassVar[str]
    samples: ClassVar[int]
    max_tokens: ClassVar[int]
    required: ClassVar[Collection[str]] = ("titles",)
    optional: ClassVar[Collection[str]] = ("count",)
    most: ClassVar[int] = COUNT

    @classmethod
    def wording(cls, config: PromptedConfig) -> Template:
        """Return the task's template, ours or the user's, its placeholders checked.

        Raises:
            ConfigError: the user's cannot be used.
        """
        return read_template(config.templates, cls.name, cls.required, cls.optional)

    def __init__(self, config: PromptedConfig, train: Sessions, bench: Bench) -> None:
        self.config, self.train, self.bench = config, train, bench
        self.template = self.wording(config)
        self.titles = Titles(bench.catalog, train)
        self.matching = Matching(config.embedder, bench)

    def example(self, sessions: Sessions) -> list[Example | None]:
        """Return a training pair a session, None where there is none to be had.

        The truth is a session's last item; a session with an item without title, or with fewer
        than three items (a prompt of two), has no pair.
        """
        examples: list[Example | None] = [None] * len(sessions)
        rows = np.flatnonzero((sessions.lengths >= 3) & self._titled(sessions))
        full = sessions.take(rows)
        truth = full.items[full.offsets[1:] - 1]
        prompts = full.where(full.distances > 1)
        conversations = self._conversations(prompts, self._offers(prompts, truth))
        for row, conversation, wanted in zip(
            rows, conversations, self._completions(prompts, truth), strict=True
        ):
            if conversation is not None and wanted:
                examples[row] = Example(conversation, wanted)
        return examples

    def ask(self, prompts: Sessions) -> list[Conversation | None]:
        """Return a conversation a prompt; None where no item of it has a title.

        The same prompt gives the same conversation, whatever stands beside it.
        """
        return self._conversations(prompts, self._offers(prompts))

    def read(self, prompts: Sessions, answers: Sequence[Sequence[str] | None], k: int) -> Reading:
        """Return the lists that answers stand for.

        Reading never fails: answers are hostile text, and what makes no sense is counted.

        Args:
            prompts: as they were asked.
            answers: completions of each prompt, None where it was not asked.
            k: length of the lists.
        """
        titles = [
            None if texts is None else [titles_in(text, self.titles, self.most) for text in texts]
            for texts in answers
        ]
        ranked = [
            [] if completions is None else self._ranked(completions) for completions in titles
        ]
        seen = excluded(prompts, self._shown(prompts), self.config.exclude_seen)
        matches = self.matching.lists(ranked, k, seen, self._offers(prompts))
        return Reading(matches.lists, diagnose(titles, matches, prompts))

    @abstractmethod
    def _completions(self, prompts: Sessions, truth: Int32) -> list[str]:
        """Return the wanted answer to each prompt; "" where it is not known.

        Args:
            prompts: sessions whose items all have titles.
            truth: the item after each, ``int32[prompts]``.
        """

    def _ranked(self, completions: Sequence[Sequence[Title]]) -> list[Title]:
        """Return the titles of a prompt's completions, best first."""
        return [title for completion in completions for title in completion]

    def _offers(self, prompts: Sessions, truth: Int32 | None = None) -> Int32 | None:  # noqa: ARG002
        """Return the items to choose from, as `Matching.lists` takes them.

        Args:
            prompts: any prompts.
            truth: the item after each while training, ``int32[prompts]``.
        """
        return None

    def _values(self, offers: Int32 | None, row: int) -> dict[str, str] | None:  # noqa: ARG002
        """Return the values of a prompt's placeholders but {titles}; None: it cannot be asked."""
        return {"count": str(COUNT)}

    def _conversations(self, prompts: Sessions, offers: Int32 | None) -> list[Conversation | None]:
        shown = self._shown(prompts)
        conversations: list[Conversation | None] = []
        for row in range(len(shown)):
            values = self._values(offers, row) if len(shown[row]) else None
            if values is None:
                conversations.append(None)
            else:
                titles = self.titles.lines(shown[row])
                conversations.append(self.template.fill({**values, "titles": titles}))
        return conversations

    def _shown(self, prompts: Sessions) -> Sessions:
        titled = prompts.where(self.titles.present[prompts.items])
        return titled.last(self.config.last_n_items)

    def _titled(self, sessions: Sessions) -> Bool:
        """Return which sessions have titles for all items, ``bool[sessions]``."""
        titled = np.ones(len(sessions), dtype=bool)
        titled[sessions.owners[~self.titles.present[sessions.items]]] = False
        return titled
