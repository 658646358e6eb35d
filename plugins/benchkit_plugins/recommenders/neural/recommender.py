"""Base of the neural recommenders: fit, recommend, save and load, whatever the network."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchkit import Bench, DataError, Recommendations, Recommender, Sessions
from benchkit.ranking import excluded
from benchkit_plugins.recommenders.neural.config import NeuralConfig
from benchkit_plugins.recommenders.neural.vocabulary import Vocabulary

if TYPE_CHECKING:
    from benchkit.contracts.recommender import Float32
    from benchkit_plugins.recommenders.neural.examples import Examples
    from benchkit_plugins.recommenders.neural.network import Network
    from benchkit_plugins.recommenders.neural.training import State

# Raise it when the same configuration comes to train another network: kept fits are then stale.
_REVISION = 1


class NeuralRecommender(Recommender):
    """A network over the trained items, trained as PROTOCOL.md says and asked in batches.

    Where the bench keeps checkpoints, a fit that was killed goes on, and one that was finished
    is not repeated.
    """

    Config = NeuralConfig
    config: NeuralConfig
    training: State | None = None  # how training went; None where a kept model was loaded

    @abstractmethod
    def network(self, items: int, dim: int) -> Network:
        """Return the untrained network; torch's generator is seeded meanwhile.

        Args:
            items: number of trained items.
            dim: size of the item embeddings.
        """

    @abstractmethod
    def examples(self, items: int) -> Examples:
        """Return how the model learns from sessions and reads prompts."""

    def initial_embeddings(self, bench: Bench) -> Float32 | None:  # noqa: ARG002
        """Return initial item embeddings, ``float32[catalog, dim]``; None for random ones."""
        return None

    def initialise(self, network: Network, rows: Float32) -> None:
        """Put initial embeddings of the trained items, ``float32[items, dim]``, into the table."""
        import torch

        network.table.data = torch.from_numpy(np.ascontiguousarray(rows))

    def fit(self, train: Sessions, bench: Bench) -> None:
        """Train on all but the sessions held out for early stopping."""
        from benchkit_plugins.recommenders.neural.hardware import choose_device, seeded

        self._vocabulary = Vocabulary.of(train, len(bench.catalog))
        initial = self.initial_embeddings(bench)
        device = choose_device(self.config.device)
        with seeded(bench.rng("initial weights"), device):
            dim = self.config.dim if initial is None else initial.shape[1]
            network = self.network(len(self._vocabulary), dim)
        if initial is not None:
            self.initialise(network, initial[self._vocabulary.codes])
        self._network = network.to(device)
        key = self._key(train, bench)
        kept = None if bench.checkpoints is None else bench.checkpoints / f"{key}.safetensors"
        if kept is not None and kept.exists():
            self._restore(kept)
        else:
            self._train(train, bench, kept)

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        """Return the best trained items, less those that `exclude_seen` keeps out.

        A prompt without trained items is answered by the items' biases, that is by popularity.
        """
        from benchkit_plugins.recommenders.neural.answering import answer

        known = self._vocabulary.encode(prompts)
        read = known.last(self.config.last_n)
        lists = answer(
            self._network,
            self.examples(len(self._vocabulary)),
            read,
            excluded(known, read, self.config.exclude_seen),
            self._vocabulary.ties,
            k,
        )
        return Recommendations(self._vocabulary.decode(lists.items), lists.scores)

    def save(self, path: Path) -> None:
        """Write the fitted model: weights, items and configuration, as safetensors.

        Raises:
            StorageError: the file cannot be written.
        """
        from benchkit_plugins.recommenders.neural.checkpoint import as_tensor, write

        arrays = {f"weights/{n}": v for n, v in self._network.state_dict().items()}
        arrays |= {
            "items/codes": as_tensor(self._vocabulary.codes),
            "items/ties": as_tensor(self._vocabulary.ties),
        }
        write(path, arrays, {"name": self.name, "config": self.config.as_dict()})

    @classmethod
    def load(cls, path: Path) -> NeuralRecommender:
        """Return a model that `save` wrote, ready to recommend.

        Raises:
            DataError: the file holds no such model.
        """
        from benchkit_plugins.recommenders.neural.checkpoint import demand

        _, about = demand(path)
        if about.get("name") != cls.name:
            raise DataError(f"{path} holds a {about.get('name')}, not a {cls.name}")
        model = cls(cls.Config.create(about["config"], cls.name))
        model._restore(path)
        return model

    def _restore(self, path: Path) -> None:
        import torch

        from benchkit_plugins.recommenders.neural.checkpoint import demand
        from benchkit_plugins.recommenders.neural.hardware import choose_device

        arrays, _ = demand(path)
        codes, ties = arrays.pop("items/codes").numpy(), arrays.pop("items/ties").numpy()
        self._vocabulary = Vocabulary(codes, ties)
        weights = {name.removeprefix("weights/"): value for name, value in arrays.items()}
        with torch.device("meta"):  # no memory and no random numbers for weights to be replaced
            network = self.network(len(codes), weights["table"].shape[1])
        network.load_state_dict(weights, assign=True)
        self._network = network.to(choose_device(self.config.device)).eval()

    def _train(self, train: Sessions, bench: Bench, kept: Path | None) -> None:
        import torch

        from benchkit_plugins.recommenders.neural import hardware
        from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
        from benchkit_plugins.recommenders.neural.losses import make_loss
        from benchkit_plugins.recommenders.neural.training import Trainer
        from benchkit_plugins.recommenders.neural.validation import Validation, hold_out

        config, sessions = self.config, self._vocabulary.encode(train)
        rows, held = hold_out(
            len(sessions),
            config.validation_share,
            config.validation_limit,
            bench.rng("held-out sessions"),
        )
        dtype = hardware.choose_dtype(config.dtype, self._network.table.device)
        trainer = Trainer(
            self._network,
            self.examples(len(self._vocabulary)),
            make_loss(config.loss, config.negatives, config.calibration, dtype),
            config,
            bench.rng,
            bench.report,
            # On a CPU the network's own products are too small to gain from less precision.
            dtype if self._network.table.device.type == "cuda" else torch.float32,
        )
        checkpoint = Checkpoint(None if kept is None else kept.with_suffix(".training"))
        held_out = Validation.of(sessions.take(held), config.last_n, config.exclude_seen)
        self.training = trainer.train(sessions.take(rows), held_out, checkpoint)
        if kept is not None:
            self.save(kept)
            checkpoint.remove()

    def _key(self, train: Sessions, bench: Bench) -> str:
        """Return what names this fit's files: equal where the result would be equal."""
        digest = hashlib.sha256()
        about: dict[str, Any] = {
            "revision": _REVISION,
            "config": self.config.as_dict(),
            "seed": bench.seed,
            "device": self._network.table.device.type,
        }
        digest.update(json.dumps(about, sort_keys=True).encode())
        for array in (train.items, train.offsets, self._network.table.detach().cpu().numpy()):
            digest.update(np.ascontiguousarray(array).data)
        return f"{self.name}-{digest.hexdigest()[:20]}"
