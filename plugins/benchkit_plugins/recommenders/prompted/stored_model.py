"""A model behind its store: kept answers are read, the rest is requested, checked and kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from benchkit.contracts.errors import UnavailableError
from benchkit.contracts.prompted import Conversation, Work
from benchkit.contracts.spending import Spending
from benchkit.toolkit.progress import ProgressReporter
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Completions,
    FineTune,
    Prompts,
    Provider,
    Report,
    Sampling,
    Trained,
)
from benchkit_plugins.recommenders.prompted.store import CompletionStore, key_of

Answer = TypeVar("Answer", Completions, Trained)


@dataclass(frozen=True, eq=False)
class StoredModel:
    """A model behind its store.

    Attributes:
        provider: who has the model; only asked for what the store lacks.
        store: completions and fine-tuned models.
        fine_tune: the fine-tuning that makes the model; None for the base model.
    """

    provider: Provider
    store: CompletionStore
    fine_tune: FineTune | None

    @property
    def trained(self) -> Trained | None:
        """The fine-tuned model; None for the base model, and before it is trained."""
        return self.store.trained(self.fine_tune.key) if self.fine_tune else None

    def missing(self, prompts: Prompts, sampling: Sampling) -> list[int]:
        """Return which distinct prompts' completions are not kept, as places of the prompts."""
        first = {
            self._key(prompt, sampling): row for row, prompt in reversed([*enumerate(prompts)])
        }
        return sorted(row for key, row in first.items() if self.store.completions(key) is None)

    def work(self, prompts: Prompts, sampling: Sampling) -> Work:
        """Return the estimated work of training and sampling that is left; nothing is sent."""
        lacking = [prompts[row] for row in self.missing(prompts, sampling)]
        if not lacking:
            return Work()
        sampling_work = self.provider.sampling_work(lacking, sampling)
        if self.fine_tune is None or (
            self.trained is not None and self.provider.has(self.fine_tune)
        ):
            return sampling_work
        return self.provider.training_work(self.fine_tune.pairs) + sampling_work

    def train(self, spending: Spending, report: Report) -> None:
        """Fine-tune the model unless that is done, here or elsewhere.

        Raises:
            UnavailableError: it failed, or the provider cannot be asked.
            BenchkitError: the cap would be exceeded.
        """
        if self.fine_tune is None:
            return
        with self.store.exclusive(self.fine_tune.key):
            if self.trained is None:
                self._reachable("the model is not fine-tuned yet")
                self._train(self.fine_tune, spending, report)

    def ask(
        self, prompts: Prompts, sampling: Sampling, spending: Spending, report: Report
    ) -> list[Completions]:
        """Return the completions of each prompt.

        Raises:
            UnavailableError: some are not kept, and the provider cannot be asked.
            BenchkitError: the cap would be exceeded; what has arrived is kept.
        """
        with self.store.exclusive(self._name):
            rows = self.missing(prompts, sampling)
            if rows:
                self._reachable(f"{len(rows):,} of {len(prompts):,} answers are not kept here")
                self._fetch([prompts[row] for row in rows], sampling, spending, report)
        keys = [self._key(prompt, sampling) for prompt in prompts]
        answers = {key: self.store.completions(key) for key in keys}
        trained = {self.fine_tune.key: self.trained} if self.fine_tune else {}
        spending.use(self.store.path.stem, {**answers, **trained})
        return [answer for key in keys if (answer := answers[key]) is not None]

    def _train(self, fine_tune: FineTune, spending: Spending, report: Report) -> None:
        trained = self.provider.train(fine_tune, spending.allow, report)
        self.store.keep_trained(fine_tune.key, trained)
        spending.note(_paid_here(trained), stored=True)

    def _fetch(
        self, prompts: list[Conversation], sampling: Sampling, spending: Spending, report: Report
    ) -> None:
        if self.fine_tune and not self.provider.has(self.fine_tune):
            self._train(self.fine_tune, spending, report)  # its answers came without it
        model = self.trained.model if self.trained else None
        left = dict(enumerate(prompts))
        tell = ProgressReporter(report, "prompts answered")
        for row, completions in self.provider.sample(
            model, prompts, sampling, spending.allow, report
        ):
            spending.note(_paid_here(completions), stored=True)  # paid for, whatever it is worth
            self.store.keep(self._key(left.pop(row), sampling), completions)
            tell(len(prompts) - len(left), len(prompts))
        if left:
            raise UnavailableError(
                f"{self.provider.name} left {len(left):,} of {len(prompts):,} prompts unanswered; "
                "the others are kept, and the same command asks again"
            )

    def _reachable(self, lacking: str) -> None:
        if (reason := self.provider.why_unavailable()) is not None:
            raise UnavailableError(f"{lacking}, and {self.provider.name} cannot be asked: {reason}")

    def _key(self, prompt: Conversation, sampling: Sampling) -> str:
        return key_of(self._name, prompt, sampling)

    @property
    def _name(self) -> str:
        return self.fine_tune.key if self.fine_tune else ""


def _paid_here(answer: Answer) -> Answer:
    """Return an answer at what this process pays for it: the rest has been counted elsewhere."""
    return replace(answer, dollars=answer.dollars - answer.earlier)
