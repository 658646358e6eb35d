"""The training loop: early stopping, best weights, checkpoints, progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from benchkit import Sessions
from benchkit.contracts.errors import DivergedError
from benchkit.toolkit.times import show_time
from benchkit_plugins.hardware import in_parts, seeded
from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint, Resumable
from benchkit_plugins.recommenders.neural.config import NeuralConfig
from benchkit_plugins.recommenders.neural.examples import Batch, Examples
from benchkit_plugins.recommenders.neural.losses import Loss
from benchkit_plugins.recommenders.neural.network import Network
from benchkit_plugins.recommenders.neural.optimizer import AdamW, clip
from benchkit_plugins.recommenders.neural.packing import Packed
from benchkit_plugins.recommenders.neural.validation import Validation, ndcg, ndcg_of_popularity

# The generator of each purpose, as `benchkit.Bench.rng` gives it.
Rng = Callable[[str], np.random.Generator]

AnyBatch = TypeVar("AnyBatch", bound=Sized)


@dataclass
class Progress:
    """How far training or pre-training has come.

    Attributes:
        epoch: epochs finished.
        curve: of each epoch the mean loss, and what else is measured.
        seconds: wall time of the epochs.
    """

    epoch: int = 0
    curve: list[list[float]] = field(default_factory=list)
    seconds: float = field(default=0.0, compare=False)


@dataclass
class State(Progress):
    """How far training has come; its curve has the loss and the score of each epoch.

    Attributes:
        best: best score so far: validation NDCG@20, or without held-out sessions minus the loss.
        waited: epochs since then, or since the training loss last fell on the plateau.
    """

    best: float = -1.0
    waited: int = 0


class Trainer:
    """Trains one network.

    It stops when validation has not improved for `patience` epochs. A network often learns what is
    popular within an epoch or two, and no more for a while: its validation then only trembles. So
    on that plateau, unless `stop_on_plateau` says otherwise, an epoch that lowers the training loss
    counts as an improvement, too. The network has left it once it ranks held-out items better than
    popularity does, or has a lower loss than any answer that is the same for all prompts.

    Random numbers of each epoch come from a generator of that epoch, so a fit that goes on after
    it was killed draws what an uninterrupted one draws.
    """

    def __init__(
        self,
        network: Network,
        examples: Examples,
        loss: Loss,
        config: NeuralConfig,
        rng: Rng,
        report: Callable[[str], None],
        dtype: torch.dtype,
    ) -> None:
        """Make a trainer; `dtype` is the precision of the network's own products."""
        self.network, self.examples, self.loss = network, examples, loss
        self.config, self.rng, self.report = config, rng, report
        self.dtype = dtype
        self.device = network.table.device
        self.variables = [p for p in network.parameters() if p.requires_grad]
        self.optimizer = AdamW(self.variables, config.learning_rate, config.weight_decay)
        self.parts = 1
        self.state = State()
        self.best = self._copy()
        self._popularity = -inf, inf  # its validation NDCG@20 and its loss

    def train(self, sessions: Sessions, held_out: Validation, checkpoint: Checkpoint) -> State:
        """Train until validation no longer improves; the network keeps the best weights.

        Without held-out sessions the training loss decides.

        Raises:
            DivergedError: the loss, the weights or the scores are not finite any more.
        """
        checkpoint.restore(self)
        usable = self.examples.usable(sessions)
        config = self.config
        if len(held_out) and not config.stop_on_plateau:
            frequencies = np.bincount(sessions.items, minlength=len(self.network.table))
            self._popularity = (
                ndcg_of_popularity(held_out, frequencies),
                self.loss.of_popularity(frequencies),
            )
        while (
            len(usable) and self.state.epoch < config.epochs and self.state.waited < config.patience
        ):
            started = time.perf_counter()
            loss = self._epoch(usable)
            score = ndcg(self.network, self.examples, held_out) if len(held_out) else -loss
            demand_finite(self, loss, score)
            self._note(loss, score)
            seconds = time.perf_counter() - started
            self.state.seconds += seconds
            checkpoint.keep(self)
            self._tell(len(usable), seconds, validated=len(held_out) > 0)
        self.network.load_state_dict(self.best)
        self.network.eval()
        return self.state

    def _epoch(self, usable: Sessions) -> float:
        self.network.train()
        draw = self.rng(f"epoch {self.state.epoch}")
        total, predictions = torch.zeros((), device=self.device), 0
        with seeded(draw, self.device):
            for batch in self.examples.epoch(usable, self.config.batch_size, draw):
                loss = step(self, batch, self._gradients, self.config.clipnorm)
                total += loss * len(batch.targets)
                predictions += len(batch.targets)
        return float(total) / max(1, predictions)

    def _gradients(self, batch: Batch) -> Tensor:
        total = torch.zeros((), device=self.device)
        for part in batch.split(self.parts):
            packed = Packed.of(part, self.device)
            lower = self.dtype != torch.float32
            with torch.autocast(self.device.type, self.dtype, enabled=lower):
                queries = self.network.queries(packed)  # [predictions, dim]
            loss = self.loss(queries.float(), self.network.table, self.network.bias, packed.targets)
            loss = loss * (len(part.targets) / len(batch.targets))
            torch.autograd.backward(loss)
            total += loss.detach()
        return total

    def _note(self, loss: float, score: float) -> None:
        state = self.state
        lowest = min((before for before, _ in state.curve), default=inf)
        state.epoch += 1
        state.waited += 1
        state.curve.append([loss, score])
        if score > state.best or state.epoch == 1:
            state.best, state.waited = score, 0
            self.best = self._copy()
        elif loss < lowest and self._is_on_plateau(loss):
            state.waited = 0

    def _is_on_plateau(self, lowest: float) -> bool:
        ndcg, loss = self._popularity
        return self.state.best <= ndcg and lowest >= loss

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    def _tell(self, sessions: int, seconds: float, validated: bool) -> None:
        state, config = self.state, self.config
        loss, score = state.curve[-1]
        left = seconds * (config.epochs - state.epoch)
        line = f"epoch {state.epoch}: loss {loss:.4f}, "
        line += f"validation NDCG@20 {score:.4f}, " if validated else ""
        line += f"{sessions / seconds:,.0f} sessions/s"
        if state.waited >= config.patience:
            # a loss is kept as minus itself
            line += f"; stops, best was {abs(state.best):.4f}"
        elif left:
            line += f", at most {show_time(left)} left"
        self.report(line)


def step(
    trainer: Resumable,
    batch: AnyBatch,
    gradients: Callable[[AnyBatch], Tensor],
    clipnorm: float | None,
) -> Tensor:
    """Take one step and return its loss; in smaller parts where memory is short.

    Args:
        trainer: whose variables move; `parts` grows where memory is short.
        batch: what to take the step on.
        gradients: adds up the batch's gradients over `parts` of it and returns its loss.
        clipnorm: as in `clip`.
    """

    def compute(parts: int) -> Tensor:
        trainer.parts = parts
        trainer.optimizer.zero_grad()
        return gradients(batch)

    def report(parts: int) -> None:
        size = -(-len(batch) // parts)
        trainer.report(f"memory is short: steps go on in micro-batches of {size}")

    loss, _ = in_parts(compute, trainer.parts, len(batch), report)
    clip(trainer.variables, clipnorm)
    trainer.optimizer.step()
    return loss


def demand_finite(trainer: Resumable, *measures: float) -> None:
    """Check weights and `measures` at the end of an epoch that is not counted yet.

    Raises:
        DivergedError: one of them is not finite.
    """
    norms = torch.stack(torch._foreach_norm(list[Tensor](trainer.variables)))
    if not (all(map(isfinite, measures)) and norms.isfinite().all()):
        raise DivergedError(f"diverged in epoch {trainer.state.epoch + 1}")
