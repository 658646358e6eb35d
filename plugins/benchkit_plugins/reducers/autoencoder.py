"""Autoencoder: the bottleneck of a network that learns to reproduce the embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from benchkit import Choice, Config, Reducer, hookimpl, param
from benchkit.contracts.arrays import Float32, Int32

if TYPE_CHECKING:
    import torch
    from torch import nn

_ROWS = 1 << 12  # rows encoded at once


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(Config):
    """How the network learns."""

    l2: float = param(
        0.0,
        "L2 penalty: this times the sum of all squared weights",
        search=Choice(0.0, 1e-6, 1e-5, 1e-4, 1e-3),
        at_least=0,
    )
    epochs: int = param(3, "passes over the embeddings", at_least=1)
    batch_size: int = param(512, "embeddings a step", at_least=1)
    learning_rate: float = param(1e-3, "of Adam", at_least=1e-9)


class Autoencoder(Reducer):
    """The bottleneck of a linear network that learns to reproduce the embeddings.

    Layers halve to the target and double again: widths are the target's doubles below the input's.
    They are linear, as the authors': no activation. Mean squared error, Adam.
    """

    name = "autoencoder"
    source = "paper 3.2"
    Config = AutoencoderConfig
    config: AutoencoderConfig

    def fit(self, vectors: Float32, classes: Int32, dim: int, seed: int) -> None:  # noqa: ARG002
        import torch

        generator = torch.Generator().manual_seed(seed)
        widths = layer_widths(vectors.shape[1], dim)
        encoder = _layers(widths, generator)
        decoder = _layers(widths[::-1], generator)
        self._train(torch.nn.Sequential(encoder, decoder), vectors, generator)
        self._encoder = encoder

    def transform(self, vectors: Float32) -> Float32:
        import torch

        with torch.inference_mode():
            starts = range(0, max(1, len(vectors)), _ROWS)
            parts = [vectors[start : start + _ROWS].copy() for start in starts]
            coded = [self._encoder(torch.from_numpy(part)).numpy() for part in parts]
        return np.concatenate(coded)

    def _train(self, network: nn.Sequential, vectors: Float32, generator: torch.Generator) -> None:
        import torch

        config = self.config
        optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
        for _ in range(config.epochs):
            order = torch.randperm(len(vectors), generator=generator)
            for rows in torch.split(order, config.batch_size):
                batch = torch.from_numpy(vectors[rows.numpy()])  # [batch, input]
                loss = torch.nn.functional.mse_loss(network(batch), batch)
                if config.l2:
                    squares = [weight.square().sum() for weight in network.parameters()]
                    loss = loss + config.l2 * torch.stack(squares).sum()
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()


def layer_widths(width: int, dim: int) -> list[int]:
    """Return the encoder's widths from `width` down to `dim`: ``[1536, 1024, 512]``."""
    widths = [dim]
    while widths[0] * 2 < width:
        widths.insert(0, widths[0] * 2)
    return [width, *widths]


def _layers(widths: list[int], generator: torch.Generator) -> nn.Sequential:
    """Return dense layers, weights as Glorot and Bengio draw them, biases zero."""
    import torch

    layers = []
    for width, following in pairwise(widths):
        # Built without values: torch would draw them from its global generator.
        layer = torch.nn.Linear(width, following, device="meta").to_empty(device="cpu")
        torch.nn.init.xavier_uniform_(layer.weight, generator=generator)
        torch.nn.init.zeros_(layer.bias)
        layers.append(layer)
    return torch.nn.Sequential(*layers)


@hookimpl
def benchkit_reducers() -> list[type[Reducer]]:
    return [Autoencoder]
