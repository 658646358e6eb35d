"""Fine-tuning by low-rank adapters (LoRA, https://arxiv.org/abs/2106.09685).

Answers are learnt, and prompts, too, where `prompt_weight` says so: they hold many more titles
(https://arxiv.org/abs/2405.14394).

The model's weights stay as they are. Settings are the paper's for Llama: rank 8, alpha 32, dropout
0.05, learning rate 1e-4, 5 epochs. What the paper leaves open is ours: adapters in all linear
layers (https://arxiv.org/abs/2305.14314; "usual": where peft puts them for the architecture, Llama:
the projections of queries and values; where it knows none, in all), AdamW without decay of weights,
the learning rate falling linearly to 0, gradients clipped to norm 1, 16 examples a step, the best
epoch's adapter kept. What all examples of a step begin with is read once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchkit.contracts.errors import DivergedError
from benchkit.toolkit.progress import ProgressReporter
from benchkit.toolkit.times import show_time
from benchkit_plugins.hardware import in_parts, seeded
from benchkit_plugins.language_models.tokens import batches_by_length
from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
from benchkit_plugins.recommenders.prompted.config import Targets
from benchkit_plugins.recommenders.prompted.providers.local.loading import cache_argument, quiet
from benchkit_plugins.recommenders.prompted.providers.local.prefix import Prefix, continues
from benchkit_plugins.recommenders.prompted.providers.local.tokenizing import (
    TokenizedExample,
    batches,
    padded,
    prefix_length,
    unit,
    weight_of,
)

_TOKENS = {"cpu": 1024, "mps": 4096, "cuda": 16384}  # read at a time, padding included
_KEEP_EVERY = 60.0  # seconds of training that a kill may cost
# Mamba's kernels take the weights of these layers around any adapter, so peft refuses to put one.
_MAMBAS = {"mamba", "mamba2", "falcon_mamba", "falcon_h1", "nemotron_h"}
_CANNOT_ADAPT = ["out_proj", "conv1d"]


@dataclass(frozen=True)
class Recipe:
    """How adapters are trained; the meaning of each is said in `PromptedConfig`."""

    targets: Targets
    rank: int
    alpha: float
    dropout: float
    learning_rate: float
    epochs: int
    batch_size: int
    prompt_weight: float


@dataclass
class State:
    """How far training has come.

    Attributes:
        epoch: epochs finished.
        step: steps of the next one that are done.
        best: lowest validation loss so far.
        loss: weighted sum of the losses of the unfinished epoch's predicted tokens.
        weight: what those weigh together.
        tokens: read in training so far, all epochs, padding apart.
        curve: mean training and validation loss a token of each epoch.
        seconds: wall time.
    """

    epoch: int = 0
    step: int = 0
    best: float = math.inf
    loss: float = 0.0
    weight: float = 0.0
    tokens: int = 0
    curve: list[list[float]] = field(default_factory=list)
    seconds: float = 0.0


def adapted(model: Any, recipe: Recipe, seed: int) -> Any:
    """Put fresh adapters, which change nothing yet, into a model."""
    from peft import LoraConfig, get_peft_model
    from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as USUAL

    kind = model.config.model_type
    usual = recipe.targets == "usual" and kind in USUAL
    lora = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=None if usual else "all-linear",
        exclude_modules=_CANNOT_ADAPT if kind in _MAMBAS else None,
        task_type="CAUSAL_LM",
    )
    with seeded(np.random.default_rng([seed]), model.device), quiet():
        return get_peft_model(model, lora)


class Trainer:
    """Trains the adapters of one model; what it holds is what a checkpoint keeps.

    Random numbers of each step come from a generator of that step, so training that goes on after
    it was killed draws what an uninterrupted one draws.

    Args:
        model: with adapters, as `adapted` makes it.
        recipe: how to train.
        seed: of everything random.
        report: told a line an epoch, and one a minute.
    """

    def __init__(
        self, model: Any, recipe: Recipe, seed: int, report: Callable[[str], None]
    ) -> None:
        self.model, self.recipe, self.seed, self.report = model, recipe, seed, report
        self.device: torch.device = model.device
        self.variables = [p for p in model.parameters() if p.requires_grad]
        self.network = torch.nn.ParameterList(self.variables)
        self.optimizer = torch.optim.AdamW(self.variables, recipe.learning_rate, weight_decay=0)
        self.parts = 1
        self._continues = continues(model)
        self._recomputes = False
        # oneDNN keeps what it prepared for each new shape of a product in bfloat16: it meets few
        self._few = self.device.type == "cpu" and model.dtype == torch.bfloat16
        self.state = State()
        self.best = self._copy()

    def train(
        self,
        examples: Sequence[TokenizedExample],
        held_out: Sequence[TokenizedExample],
        checkpoint: Checkpoint,
    ) -> State:
        """Train to the end; the model keeps the best epoch's adapters.

        Without held-out examples that is the last epoch's.

        Raises:
            DivergedError: training diverges.
        """
        checkpoint.restore(self)
        while self.state.epoch < self.recipe.epochs:
            started, before = time.perf_counter(), self.state.tokens
            self._epoch(examples, checkpoint)
            learnt = time.perf_counter()
            self._judge(held_out)
            now = time.perf_counter()
            self.state.seconds += now - learnt
            checkpoint.keep(self)
            self._tell(now - started, (self.state.tokens - before) / (learnt - started))
        self.network.load_state_dict(self.best)
        return self.state

    def _epoch(self, examples: Sequence[TokenizedExample], checkpoint: Checkpoint) -> None:
        state, started = self.state, time.perf_counter()
        saved_at = started
        order = np.random.default_rng([self.seed, state.epoch])
        steps = batches(examples, self.recipe.batch_size, order)
        self.model.train()
        tell = ProgressReporter(self.report, f"steps of epoch {state.epoch + 1} taken", state.step)
        for rows in steps[state.step :]:
            done = (state.epoch + state.step / len(steps)) / self.recipe.epochs
            self.optimizer.param_groups[0]["lr"] = self.recipe.learning_rate * (1 - done)
            self._step([examples[row] for row in rows])
            now = time.perf_counter()
            state.seconds, started = state.seconds + now - started, now
            tell(state.step, len(steps))
            if now - saved_at > _KEEP_EVERY:
                checkpoint.keep(self)
                saved_at = now

    def _step(self, batch: Sequence[TokenizedExample]) -> None:
        """Take one step; in smaller parts where memory is short."""
        state = self.state

        def compute(parts: int) -> tuple[float, float]:
            self.parts = parts
            self.optimizer.zero_grad()
            draw = np.random.default_rng([self.seed, state.epoch, state.step])
            with seeded(draw, self.device):
                return self._gradients(batch)

        def report(parts: int) -> None:
            self.report(f"memory is short: steps go on in {parts} times smaller parts")

        (loss, weight), _ = in_parts(compute, self.parts, _TOKENS[self.device.type], report)
        norm = torch.nn.utils.clip_grad_norm_(self.variables, 1.0)
        if not math.isfinite(loss + float(norm)):
            raise DivergedError(
                f"fine-tuning diverged in epoch {state.epoch + 1}, step {state.step + 1}: the loss "
                "is not a finite number; a lower learning_rate may help"
            )
        self.optimizer.step()
        state.step += 1
        state.loss += loss
        state.weight += weight
        state.tokens += sum(len(example.tokens) for example in batch)

    def _gradients(self, batch: Sequence[TokenizedExample]) -> tuple[float, float]:
        """Add up the gradients of the mean loss over the parts of a batch.

        Returns:
            The weighted sum of its tokens' losses, and what they weigh together.
        """
        total = torch.zeros((), device=self.device)
        prefix, prompt_weight = self._prefix(batch), self.recipe.prompt_weight
        weight = weight_of(batch, prefix.length if prefix else 0, prompt_weight)
        for part in self._split(batch):
            loss = self._loss(part, prefix, prompt_weight)
            torch.autograd.backward(loss / weight)
            total += loss.detach()
        if prefix is not None:
            prefix.backward()
        return float(total), weight

    def _prefix(self, examples: Sequence[TokenizedExample]) -> Prefix | None:
        """Read what all examples begin with; None where that saves nothing."""
        start = prefix_length(examples) if len(examples) > 1 and self._continues else 0
        start -= start % unit(start) if self._few else 0
        return Prefix(self.model, examples[0].tokens[:start]) if start else None

    def _split(self, batch: Sequence[TokenizedExample]) -> Iterator[list[TokenizedExample]]:
        """Yield examples of similar length, as many at a time as memory permits."""
        lengths = np.array([len(example.tokens) for example in batch], dtype=np.int64)
        for rows in batches_by_length(lengths, self._room):
            yield [batch[row] for row in rows]

    @property
    def _room(self) -> int:
        return _TOKENS[self.device.type] // self.parts

    def _recompute(self, wanted: bool) -> None:
        """Let the backward pass compute layers again, or keep what it needs of them.

        An example that is longer than what is read at a time cannot be split: computed again, it
        takes an eighth more time and less than half the memory.
        """
        if wanted == self._recomputes or not self.model.supports_gradient_checkpointing:
            return
        with quiet():  # newer transformers have other names for the same
            if wanted:
                self.model.gradient_checkpointing_enable({"use_reentrant": False})
            else:
                self.model.gradient_checkpointing_disable()
        self._recomputes = wanted

    def _loss(
        self, part: Sequence[TokenizedExample], prefix: Prefix | None, prompt_weight: float = 0.0
    ) -> Tensor:
        """Return the weighted sum of the losses; `prefix` has read the first tokens."""
        start = prefix.length if prefix else 0
        page = padded(part, self.device, start, prompt_weight, self._few)
        longest, predicted = page.tokens.shape[1], page.targets.shape[1]
        # what is predicted stands at the end: of the rest no logits are computed. As places, not
        # as a number: a slice would be multiplied example by example, which is slow.
        predicting = torch.arange(longest - predicted - 1, longest - 1, device=self.device)
        self._recompute(prefix is None and longest > self._room)
        cached: dict[str, Any] = {"use_cache": prefix is not None}
        if prefix is not None:
            cached[cache_argument(self.model)] = prefix.cache(len(part))
        logits = self.model(
            input_ids=page.tokens,
            attention_mask=page.mask,
            position_ids=page.positions,
            logits_to_keep=predicting,
            **cached,
        ).logits  # [B, P, V]
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), page.targets.flatten(), reduction="none"
        )
        return losses @ page.weights.flatten()

    def _judge(self, held_out: Sequence[TokenizedExample]) -> None:
        """Close an epoch, and keep its adapters where they are the best so far."""
        state = self.state
        score = self._validate(held_out)
        state.curve.append([state.loss / (state.weight or 1), score])
        state.epoch, state.step, state.loss, state.weight = state.epoch + 1, 0, 0.0, 0.0
        if not held_out or not score >= state.best:
            state.best, self.best = score, self._copy()

    @torch.inference_mode()
    def _validate(self, held_out: Sequence[TokenizedExample]) -> float:
        """Return the mean loss of the held-out answers' tokens, NaN where there are none."""
        self.model.eval()
        answers = sum(example.answer for example in held_out)
        if not answers:
            return math.nan
        prefix = self._prefix(held_out)
        total = sum(float(self._loss(part, prefix)) for part in self._split(held_out))
        return total / answers

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    def _tell(self, seconds: float, rate: float) -> None:
        loss, score = self.state.curve[-1]
        line = f"epoch {self.state.epoch}: loss {loss:.4f}, "
        line += "" if math.isnan(score) else f"validation loss {score:.4f}, "
        left = seconds * (self.recipe.epochs - self.state.epoch)
        line += f"{rate:,.0f} tokens/s"
        self.report(line + (f", {show_time(left)} left" if left else ""))


def save(model: Any, base: str, folder: Path) -> None:
    """Write a model's adapters: ``adapter_model.safetensors`` and ``adapter_config.json``.

    Args:
        model: with adapters.
        base: what to call the model that they belong to; a path of this machine says nothing.
        folder: where to.
    """
    model.active_peft_config.base_model_name_or_path = base
    # peft would ask the network whether the vocabulary has grown
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # a form to be filled in
