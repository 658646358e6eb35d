"""The provider `local`: a causal language model that runs here, fine-tuned by LoRA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from benchkit import DataError, UnavailableError
from benchkit.contracts.config import Value
from benchkit.contracts.prompted import Conversation, Example, Pairs, Work
from benchkit.toolkit.files import folder_atomically
from benchkit.toolkit.machine import visible_gpus
from benchkit_plugins.language_models.tokens import estimated_tokens
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Allow,
    Answers,
    FineTune,
    Prompts,
    Provider,
    Report,
    Sampling,
    Status,
    Trained,
)
from benchkit_plugins.recommenders.prompted.providers.local.source import Source

if TYPE_CHECKING:
    from benchkit_plugins.recommenders.prompted.providers.local.loading import Causal

# Tokens a second, rough: of a model of so many parameters (SmolLM2) on two cores. One of n times
# its size takes n times as long.
_READING, _WRITING, _TRAINING, _PARAMETERS = 700, 250, 300, 135e6


class Local(Provider):
    """A causal language model that transformers loads: by name, folder, GGUF file, or our default.

    Adapters lie in ``adapters/KEY`` of the workspace, as safetensors; an unfinished training's
    checkpoint lies beside it.
    """

    name = "local"
    paid = False
    validation = 250
    ends_early = True
    runs_here = True

    def __init__(self, config: PromptedConfig, workspace: Path) -> None:
        super().__init__(config, workspace)
        self._source = Source(config.model)
        self._loaded: tuple[str | None, Causal] | None = None

    def why_unavailable(self) -> str | None:
        return self._source.why_unavailable()

    def downloads(self) -> str | None:
        return self._source.downloads()

    def identity(self) -> dict[str, Value]:
        """Return the package and its version, the name and revision, or the content's digest."""
        return self._source.identity()

    def recipe(self) -> dict[str, Value]:
        """Return LoRA's settings, the paper's where the user gave none."""
        config = self.config
        return {
            "targets": config.targets,
            "rank": config.rank,
            "alpha": config.alpha,
            "dropout": config.dropout,
            "learning_rate": 1e-4 if config.learning_rate is None else config.learning_rate,
            "epochs": config.epochs or 5,
            "batch_size": config.batch_size,
            "prompt_weight": config.prompt_weight,
        }

    def training_work(self, pairs: Pairs) -> Work:
        train, held_out, epochs = pairs.train, pairs.validation, self.config.epochs or 5
        common = _common_tokens([example.prompt for example in (*train, *held_out)])
        learnt, checked = (sum(map(_tokens_of, part)) for part in (train, held_out))
        # what all begin with is read once a step, and once by validation
        steps = -(-len(train) // self.config.batch_size)
        seconds = (learnt - common * (len(train) - steps)) / _TRAINING
        seconds += (checked - common * max(0, len(held_out) - 1)) / _READING
        seconds *= epochs * self._size
        return Work(calls=1, tokens=epochs * (learnt + checked), seconds=seconds)

    def sampling_work(self, prompts: Prompts, sampling: Sampling) -> Work:
        read = sum(map(_talk_tokens, prompts))
        drawn = sampling.samples if sampling.temperature else 1  # the likeliest is computed once
        written = len(prompts) * drawn * sampling.max_tokens
        # what all begin with is read once
        read_once = _common_tokens(prompts) * (len(prompts) - 1)
        seconds = (read - read_once) / _READING + written / _WRITING
        return Work(calls=len(prompts), tokens=read + written, seconds=seconds * self._size)

    def status(self, fine_tune: FineTune) -> Status:
        """Return the status that the workspace shows."""
        folder = self._folder(fine_tune.key)
        if (folder / "training.json").is_file():
            about = json.loads((folder / "training.json").read_text(encoding="utf-8"))
            trained = Trained(fine_tune.key, about["tokens"], seconds=about["seconds"])
            return Status("succeeded", trained=trained)
        if not folder.with_suffix(".lock").exists():
            return Status("none")
        try:
            with FileLock(folder.with_suffix(".lock"), timeout=0):
                begun = folder.with_suffix(".training").exists()
        except Timeout:
            return Status("running", "another process trains it")
        return Status("none", "interrupted; training it goes on from there" if begun else "")

    def has(self, fine_tune: FineTune) -> bool:
        """Return whether the adapters are in the workspace; answers may come without them."""
        return (self._folder(fine_tune.key) / "training.json").is_file()

    def train(self, fine_tune: FineTune, allow: Allow, report: Report) -> Trained:
        """Train the adapters, unless they are there; another process that asks for them waits."""
        allow(0.0)
        if not fine_tune.pairs.train:
            raise DataError("there is nothing to fine-tune on: no session gives an example")
        folder = self._folder(fine_tune.key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not self.has(fine_tune):
                self._train(fine_tune, folder, report)
        done = self.status(fine_tune).trained
        assert done is not None
        return done

    def sample(
        self, model: str | None, prompts: Prompts, sampling: Sampling, allow: Allow, report: Report
    ) -> Answers:
        """Yield completions, many prompts at a time; long prompts first.

        Only rounding differs with which prompts are in one batch.
        """
        from benchkit_plugins.recommenders.prompted.providers.local.sampling import sample

        allow(0.0)
        if not prompts:
            return
        causal = self._load(model)
        yield from sample(causal, causal.chat.prompts(prompts), sampling, report)

    def _train(self, fine_tune: FineTune, folder: Path, report: Report) -> None:
        from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
        from benchkit_plugins.recommenders.prompted.providers.local import loading, lora, tokenizing

        self._loaded = None  # not two models at a time
        base = loading.load(self._source, self.config.device)
        train, held_out = (
            tokenizing.tokenize(part, base.chat, base.context, report)
            for part in (fine_tune.pairs.train, fine_tune.pairs.validation)
        )
        recipe = lora.Recipe(**dict[str, Any](fine_tune.recipe))
        model = lora.adapted(base.model, recipe, fine_tune.seed)
        trainer = lora.Trainer(model, recipe, fine_tune.seed, report)
        checkpoint = Checkpoint(folder.with_suffix(".training"))
        state = trainer.train(train, held_out, checkpoint)
        about = {"base": dict(fine_tune.base), "recipe": dict(fine_tune.recipe), **vars(state)}
        with folder_atomically(folder) as fresh:
            lora.save(model, str(fine_tune.base["model"]), fresh)
            (fresh / "training.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
        checkpoint.remove()

    @property
    def _size(self) -> float:
        """The model's size in SmolLM2s; 0 where the time does not follow from it."""
        device = self.config.device
        on_gpu = visible_gpus() if device == "auto" else device != "cpu"
        return 0.0 if on_gpu else self._source.parameters() / _PARAMETERS

    def _load(self, model: str | None) -> Causal:
        from benchkit_plugins.recommenders.prompted.providers.local import loading

        if self._loaded is None or self._loaded[0] != model:
            self._loaded = None  # not two models at a time
            adapter = None if model is None else self._folder(model)
            if adapter is not None and not (adapter / "adapter_model.safetensors").is_file():
                raise UnavailableError(f"there is no fine-tuned model in {adapter}; train it again")
            self._loaded = model, loading.load(self._source, self.config.device, adapter)
        return self._loaded[1]

    def _folder(self, key: str) -> Path:
        return self.workspace / "adapters" / key


def _talk_tokens(conversation: Conversation) -> int:
    # a few more for the template around each message
    return sum(estimated_tokens(message.content) + 5 for message in conversation)


def _common_tokens(prompts: Prompts) -> int:
    firsts = {talk[0] for talk in prompts}
    return estimated_tokens(firsts.pop().content) if len(firsts) == 1 else 0


def _tokens_of(example: Example) -> int:
    return _talk_tokens(example.prompt) + estimated_tokens(example.completion)
