"""S3-Rec's pre-training: epochs over masked sessions, before the network learns to recommend."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchkit import Sessions
from benchkit.toolkit.times import show_time
from benchkit_plugins.hardware import seeded
from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
from benchkit_plugins.recommenders.neural.config import S3RecConfig
from benchkit_plugins.recommenders.neural.examples import Prefixes, in_batches
from benchkit_plugins.recommenders.neural.masking import Attributes, MaskedBatch, mask
from benchkit_plugins.recommenders.neural.networks import S3RecNetwork
from benchkit_plugins.recommenders.neural.objectives import Objectives
from benchkit_plugins.recommenders.neural.optimizer import AdamW
from benchkit_plugins.recommenders.neural.training import Progress, Rng, demand_finite, step


class Pretrainer:
    """Pre-trains one network, in single precision.

    Every epoch has a generator of its own, as in `training.Trainer`.
    """

    def __init__(
        self,
        network: S3RecNetwork,
        attributes: Attributes,
        config: S3RecConfig,
        rng: Rng,
        report: Callable[[str], None],
    ) -> None:
        self.device = network.table.device
        with seeded(rng("pretrain weights"), self.device):
            self.network = Objectives(network, attributes).to(self.device)
        self.config, self.rng = config, rng
        self.report: Callable[[str], None] = lambda line: report(f"pre-training: {line}")
        weights = (config.aap_weight, config.mip_weight, config.map_weight, config.sp_weight)
        self.weights = torch.tensor(weights, device=self.device)
        self.variables = list(self.network.parameters())
        self.optimizer = AdamW(self.variables, config.learning_rate, config.weight_decay)
        self.state = Progress()  # its curve: the loss, and its four terms before they are weighed
        self.best: dict[str, Tensor] = {}  # the last weights are the ones to go on with
        self.parts = 1

    def train(self, sessions: Sessions, checkpoint: Checkpoint) -> Progress:
        """Train what epochs are left; the checkpoint stays, so that no epoch is done again.

        Raises:
            DivergedError: the losses or the weights are not finite any more.
        """
        checkpoint.restore(self)
        cases = Prefixes(sessions.last(self.config.last_n_items))
        while len(cases) and self.state.epoch < self.config.pretrain_epochs:
            started = time.perf_counter()
            terms = self._epoch(cases)
            demand_finite(self, *terms.tolist())
            self.state.epoch += 1
            self.state.curve.append([float(terms @ self.weights), *terms.tolist()])
            seconds = time.perf_counter() - started
            self.state.seconds += seconds
            checkpoint.keep(self)
            self._tell(len(cases), seconds)
        return self.state

    def _epoch(self, cases: Prefixes) -> Tensor:
        self.network.train()
        config, items = self.config, self.network.network.items
        draw = self.rng(f"pretrain epoch {self.state.epoch}")
        total = torch.zeros(4, device=self.device)
        with seeded(draw, self.device):
            for rows in in_batches(len(cases), config.batch_size, draw):
                batch = mask(cases.take(rows), items, config.mask_prob, draw)
                total += step(self, batch, self._gradients, config.clipnorm) * len(batch)
        return total / len(cases)

    def _gradients(self, batch: MaskedBatch) -> Tensor:
        """Add up the gradients over the parts of a batch and return its losses, ``[4]``."""
        total = torch.zeros(4, device=self.device)
        for part in batch.split(self.parts):
            losses = self.network(part) * (len(part) / len(batch))  # [4]
            torch.autograd.backward(losses @ self.weights)
            total += losses.detach()
        return total

    def _tell(self, cases: int, seconds: float) -> None:
        loss, *terms = self.state.curve[-1]
        names = ("attributes", "masked items", "masked attributes", "segments")
        parts = ", ".join(f"{name} {term:.4f}" for name, term in zip(names, terms, strict=True))
        speed = f"{cases / seconds:,.0f} cases/s"
        line = f"epoch {self.state.epoch}: loss {loss:.4f} ({parts}), {speed}"
        left = seconds * (self.config.pretrain_epochs - self.state.epoch)
        self.report(f"{line}, {show_time(left)} left" if left else line)
