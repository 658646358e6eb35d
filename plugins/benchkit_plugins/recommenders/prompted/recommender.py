"""LLMSeqPrompt: a language model is asked what comes next (paper 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from benchkit.contracts.errors import BenchkitError, ConfigError
from benchkit.contracts.prompted import Conversation, Pairs, PromptedRecommender, Work
from benchkit.toolkit.digests import digest_of
from benchkit.toolkit.fingerprint import code_digest
from benchkit.toolkit.workspace import workspace
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Completions,
    FineTune,
    Provider,
    Sampling,
    provider_class,
)
from benchkit_plugins.recommenders.prompted.providers.registry import provider_names
from benchkit_plugins.recommenders.prompted.store import CompletionStore
from benchkit_plugins.recommenders.prompted.stored_model import StoredModel

if TYPE_CHECKING:
    from pathlib import Path

    from benchkit import Bench, Recommendations, Sessions
    from benchkit_plugins.recommenders.prompted.task import Task

# At most this share of the sessions is kept out of fine-tuning, unless the configuration says.
_VALIDATION = 0.1
# Stands in a provider's advice for the recommender's name.
_RECOMMENDER = "RECOMMENDER"


class LLMSeqPrompt(PromptedRecommender):
    """Base of the recommenders that prompt a language model, as it is or fine-tuned.

    Answers are kept by content: an equal question is never asked twice, and who has copies of
    the folders `completions` and `embeddings` needs no key. (What GenList, Class and Rank ask is
    computed from embeddings, where another processor may differ in the last digit.) A fine-tuned
    model is known by its examples, recipe and seed, so one model serves all temperatures.

    Attributes:
        task_type: what the model is asked.
    """

    Config = PromptedConfig
    config: PromptedConfig
    task_type: ClassVar[type[Task]]

    def why_unavailable(self) -> str | None:
        """Return why the provider cannot be asked; None where answers are kept that may do."""
        provider = self._provider(workspace())
        if self._store(provider).path.exists():
            return None
        reason = provider.why_unavailable()
        return reason and reason.replace(_RECOMMENDER, self.name)

    def downloads(self) -> str | None:
        return self._provider(workspace()).downloads()

    def reads(self) -> dict[str, str]:
        """Return digests of the prompts' wording, the base model, and the provider's code."""
        provider = self._provider(workspace())
        ours = type(provider).__module__.partition(".")[0] == __name__.partition(".")[0]
        return {
            "templates": self.task_type.wording(self.config).digest,
            "model": digest_of(provider.identity()),
            "provider": code_digest(type(provider), whole=not ours),
        }

    def pays(self) -> bool:
        """Return whether the provider costs money."""
        return self._provider(workspace()).paid

    def uses_gpu(self) -> bool:
        """Return whether the model runs here, on a GPU where there is one."""
        return self._provider(workspace()).runs_here and super().uses_gpu()

    def pairs(self, train: Sessions, bench: Bench) -> Pairs:
        """Return the task's examples of training sessions, drawn by the seed."""
        return self._pairs(self.task_type(self.config, train, bench), train, bench)

    def exports(self, pairs: Pairs) -> Mapping[str, str]:
        """Return the pairs as every provider takes them that fine-tunes on files."""
        return {
            f"{name}-{file}": content
            for name in provider_names()
            for file, content in self._provider(workspace(), name).exports(pairs).items()
        }

    def estimate(self, train: Sessions, prompts: Sessions, bench: Bench) -> Work:
        """Return the estimated work of fine-tuning and sampling that is left."""
        task = self.task_type(self.config, train, bench)
        model = self._stored_model(task, train, bench)
        model.store.refresh()
        conversations = [talk for talk in task.ask(prompts) if talk is not None]
        with self._named():
            return model.work(conversations, self._sampling(bench.seed))

    def fit(self, train: Sessions, bench: Bench) -> None:
        """Prepare the task; fine-tune the model, where it can be and is not yet.

        Without a key there may be answers of an earlier run: then `recommend` uses those.
        """
        self._task, self._bench = self.task_type(self.config, train, bench), bench
        self._model = self._stored_model(self._task, train, bench)
        if self._model.provider.why_unavailable() is None:
            with self._named():
                self._model.train(bench.spending, bench.report)
        self._diagnostics: dict[str, float] = {}

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        """Return the items that the answers name; a list is short where they name too few."""
        conversations = self._task.ask(prompts)
        sampling = self._sampling(self._bench.seed)
        questions = [talk for talk in conversations if talk is not None]
        spending, report = self._bench.spending, self._bench.report
        with self._named():
            completions = self._model.ask(questions, sampling, spending, report)
        reading = self._task.read(prompts, _by_prompt(conversations, completions), k)
        self._diagnostics = {**reading.diagnostics, **self._cost(completions)}
        return reading.lists

    def diagnostics(self) -> Mapping[str, float]:
        """Return diagnostics of the last answers, and the cost of them and of fine-tuning."""
        return self._diagnostics

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Put our name into what a provider, which does not know it, advises."""
        try:
            yield
        except BenchkitError as error:
            raise type(error)(str(error).replace(_RECOMMENDER, self.name)) from error

    def _sampling(self, seed: int) -> Sampling:
        config = self.config
        sampling = Sampling(
            self.task_type.samples,
            config.temperature,
            config.top_p,
            config.max_tokens or self.task_type.max_tokens,
            seed,
            self.task_type.most if self._provider(workspace()).ends_early else None,
        )
        # the likeliest answer depends on neither mass nor seed, and is asked for once
        return sampling if config.temperature else replace(sampling, top_p=1.0, seed=0)

    def _stored_model(self, task: Task, train: Sessions, bench: Bench) -> StoredModel:
        provider = self._provider(bench.workspace)
        fine_tune = None
        if self.config.state == "fine-tuned":
            pairs = self._pairs(task, train, bench)
            fine_tune = FineTune(provider.identity(), provider.recipe(), pairs, bench.seed)
        return StoredModel(provider, self._store(provider, bench.workspace), fine_tune)

    def _provider(self, folder: Path, name: str | None = None) -> Provider:
        return provider_class(name or self.config.provider)(self.config, folder)

    def _store(self, provider: Provider, folder: Path | None = None) -> CompletionStore:
        return CompletionStore(folder or workspace(), provider.name, provider.identity())

    def _pairs(self, task: Task, train: Sessions, bench: Bench) -> Pairs:
        """Return the examples of the drawn sessions; the first of them validate."""
        drawn = bench.rng("fine-tuning").permutation(len(train))[: self.config.train_sessions]
        examples = [example for example in task.example(train.take(drawn)) if example is not None]
        validation = self.config.validation_sessions
        if validation is None:
            validation = self._usual_validation(len(examples), bench.workspace)
        elif examples and validation >= len(examples):
            raise ConfigError(
                f"validation_sessions={validation:,} leaves nothing to train on: {len(examples):,} "
                "sessions give an example"
            )
        return Pairs(examples[validation:], examples[:validation])

    def _usual_validation(self, examples: int, folder: Path) -> int:
        """Return how many examples validate where the user does not say how many."""
        share = self.config.validation_share
        if share is not None:
            return int(share * examples)
        return min(self._provider(folder).validation, int(_VALIDATION * examples))

    def _cost(self, completions: Sequence[Completions]) -> dict[str, float]:
        trained = self._model.trained
        number = max(1, len(completions))
        return {
            "tokens_per_prompt": sum(answer.tokens for answer in completions) / number,
            "seconds_per_prompt": sum(answer.seconds for answer in completions) / number,
            "dollars_per_prompt": sum(answer.dollars for answer in completions) / number,
            "training_seconds": trained.seconds if trained else 0.0,
            "training_dollars": trained.dollars if trained else 0.0,
        }


def _by_prompt(
    conversations: Sequence[Conversation | None], completions: Sequence[Completions]
) -> list[Sequence[str] | None]:
    """Return the texts of each prompt, None where it was not asked."""
    answers = iter(completions)
    return [None if talk is None else next(answers).texts for talk in conversations]
