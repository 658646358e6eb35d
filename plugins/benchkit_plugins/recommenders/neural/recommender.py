"""Base of the neural recommenders: fit, recommend, save and load, whatever the network."""

from __future__ import annotations

import hashlib
import json
import time
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchkit import Bench, DataError, Recommendations, Recommender, Sessions
from benchkit.contracts.errors import DivergedError
from benchkit.toolkit.files import locked
from benchkit.toolkit.fingerprint import code_digest
from benchkit.toolkit.ranking import excluded, tie_keys
from benchkit_plugins.recommenders.neural.config import NeuralConfig
from benchkit_plugins.recommenders.neural.examples import NextItem, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from benchkit.contracts.arrays import Float32
    from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
    from benchkit_plugins.recommenders.neural.examples import Examples
    from benchkit_plugins.recommenders.neural.network import Network
    from benchkit_plugins.recommenders.neural.training import State


class NeuralRecommender(Recommender):
    """A network over the trained items, trained with early stopping and asked in batches.

    Early stopping departs from the paper in when it stops, but for the paper's presets
    (`training.Trainer`), and in what it predicts (`validation`); initial weights and the head
    depart from the authors' code as `network.Network` says.

    Where the bench keeps checkpoints, a fit that was killed goes on, and one that was finished
    is not repeated.
    """

    Config = NeuralConfig
    config: NeuralConfig
    training: State  # how training went

    @abstractmethod
    def network(self, items: int, dim: int) -> Network:
        """Return the untrained network; torch's generator is seeded meanwhile.

        It is over `items` trained items; their embeddings have `dim` numbers.
        """

    def examples(self, items: int) -> Examples:
        """Return how the model learns from sessions and reads prompts: the item behind each."""
        return NextItem(items, self.config.last_n_items)

    def initial_embeddings(self, bench: Bench) -> Float32 | None:  # noqa: ARG002
        """Return initial item embeddings, ``float32[catalog, dim]``; None for random ones."""
        return None

    def initialise(self, network: Network, rows: Float32) -> None:
        """Put initial embeddings of the trained items, ``float32[items, dim]``, into the table."""
        import torch

        network.table.data = torch.from_numpy(np.ascontiguousarray(rows))

    def pretrain(self, sessions: Sessions, bench: Bench, checkpoint: Checkpoint) -> float:  # noqa: ARG002
        """Prepare the network before it is trained, and return the seconds that it took.

        Args:
            sessions: those to train on, in dense codes.
            bench: as in `fit`.
            checkpoint: where to keep what a fit that was killed goes on from; removed afterwards.
        """
        return 0.0

    def fit(self, train: Sessions, bench: Bench) -> None:
        """Train on all but the sessions held out for early stopping.

        Raises:
            DivergedError: training diverged.
        """
        from benchkit_plugins.hardware import choose_device, seeded

        device = choose_device(self.config.device)  # before embeddings, which may cost money
        self._vocabulary, self._seed = Vocabulary.of(train), bench.seed
        initial = self.initial_embeddings(bench)
        with seeded(bench.rng("initial weights"), device):
            dim = self.config.dim if initial is None else initial.shape[1]
            network = self.network(len(self._vocabulary), dim)
        if initial is not None:
            self.initialise(network, initial[self._vocabulary.codes])
        self._network = network.to(device)
        try:
            if bench.checkpoints is None or not all(self._code()):
                self._train(train, bench, None)
            else:
                name = f"{self.name}-{self._key(train, bench)}.safetensors"
                self._train_once(train, bench, bench.checkpoints / name)
        except DivergedError as error:
            raise self._diverged(error) from error

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        """Return the best trained items, less those that `exclude_seen` keeps out.

        A prompt without trained items is answered by the items' biases, that is by popularity.
        """
        from benchkit_plugins.recommenders.neural.scoring import answer

        trained = self._vocabulary.encode(prompts)
        read = trained.last(self.config.last_n_items)
        return answer(
            self._network,
            self.examples(len(self._vocabulary)),
            read,
            excluded(trained, read, self.config.exclude_seen),
            self._vocabulary.codes,
            tie_keys(prompts, self._seed),
            k,
        )

    def save(self, path: Path) -> None:
        """Write the fitted model: weights, items and configuration, as safetensors.

        Raises:
            StorageError: the file cannot be written.
        """
        from benchkit_plugins.recommenders.neural.checkpoint import as_tensor, write

        arrays = {f"weights/{n}": v for n, v in self._network.state_dict().items()}
        arrays["items/codes"] = as_tensor(self._vocabulary.codes)
        about = {"name": self.name, "config": self.config.as_dict(), "seed": self._seed}
        write(path, arrays, {**about, "training": vars(self.training)})

    @classmethod
    def load(cls, path: Path, device: str | None = None) -> NeuralRecommender:
        """Return a model that `save` wrote, ready to recommend.

        Args:
            path: of the file.
            device: where to compute, as in the configuration; None: what it says itself.

        Raises:
            DataError: the file holds no such model.
            UnavailableError: the device is not there.
        """
        from benchkit_plugins.recommenders.neural.checkpoint import read

        arrays, about = read(path)
        if about.get("name") != cls.name:
            raise DataError(f"{path} holds a {about.get('name')}, not a {cls.name}")
        try:
            values = {**about["config"], **({} if device is None else {"device": device})}
            model = cls(cls.Config.create(values, cls.name))
        except KeyError as error:
            raise _damaged(path, error) from error
        model._restore(path, arrays, about)
        return model

    def _train_once(self, train: Sessions, bench: Bench, path: Path) -> None:
        """Train unless the weights are kept already; another process that asks for them waits."""
        from benchkit_plugins.recommenders.neural.checkpoint import read

        with locked(path.with_suffix(".lock")):
            if path.exists():
                try:
                    self._restore(path, *read(path))
                except DataError:
                    bench.report(
                        f"weights of an earlier fit are damaged and trained again: {path.name}"
                    )
                else:
                    bench.report(f"weights of an earlier fit serve again: {path.name}")
                    bench.weights[path.name] = self.training.seconds
                    return
            started = time.perf_counter()
            self._train(train, bench, path)
            seconds = time.perf_counter() - started
            bench.weights[path.name] = max(0.0, self.training.seconds - seconds)

    def _restore(self, path: Path, arrays: dict[str, Tensor], about: Mapping[str, Any]) -> None:
        import torch

        from benchkit_plugins.hardware import choose_device
        from benchkit_plugins.recommenders.neural.training import State

        device = choose_device(self.config.device)
        try:
            training = State(**about["training"])
            codes, seed = arrays.pop("items/codes").numpy(), int(about["seed"])
            weights = {name.removeprefix("weights/"): value for name, value in arrays.items()}
            with torch.device("meta"):  # no memory and no random numbers for what is replaced
                network = self.network(len(codes), weights["table"].shape[1])
            network.load_state_dict(weights, assign=True)
        except (KeyError, TypeError, RuntimeError) as error:
            raise _damaged(path, error) from error
        self.training, self._vocabulary, self._seed = training, Vocabulary(codes), seed
        self._network = network.to(device).eval()

    def _train(self, train: Sessions, bench: Bench, path: Path | None) -> None:
        from benchkit_plugins import hardware
        from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
        from benchkit_plugins.recommenders.neural.losses import make_loss
        from benchkit_plugins.recommenders.neural.training import Trainer
        from benchkit_plugins.recommenders.neural.validation import Validation, hold_out

        config, sessions = self.config, self._vocabulary.encode(train)
        learnt, held = hold_out(sessions, config, bench.rng("held-out sessions"))
        preparation = Checkpoint(None if path is None else path.with_suffix(".pretraining"))
        seconds = self.pretrain(learnt, bench, preparation)
        dtype = hardware.choose_dtype(config.dtype, self._network.table.device)
        trainer = Trainer(
            self._network,
            self.examples(len(self._vocabulary)),
            make_loss(config.loss, config.negatives, config.calibration, dtype),
            config,
            bench.rng,
            bench.report,
            dtype,
        )
        checkpoint = Checkpoint(None if path is None else path.with_suffix(".training"))
        self.training = trainer.train(learnt, Validation.of(held, config), checkpoint)
        self.training.seconds += seconds
        if path is not None:
            self.save(path)
            checkpoint.remove()
            preparation.remove()

    def _diverged(self, error: DivergedError) -> DivergedError:
        config = self.config
        clipnorm = "none" if config.clipnorm is None else f"{config.clipnorm:g}"
        return DivergedError(
            f"{self.name} {error}: its loss, weights or scores are not finite; try a lower "
            f"learning_rate (it is {config.learning_rate:g}) or clipnorm (it is {clipnorm})"
        )

    def _key(self, train: Sessions, bench: Bench) -> str:
        """Return a digest that is equal where the fitted weights would be."""
        import torch

        from benchkit_plugins.hardware import choose_dtype

        digest, device = hashlib.sha256(), self._network.table.device
        about: dict[str, Any] = {
            "code": self._code(),
            "config": self.config.as_dict(),
            "seed": bench.seed,
            "device": device.type,
            # Sums in another order, or of other precision, make another network.
            "dtype": str(choose_dtype(self.config.dtype, device)),
            "threads": torch.get_num_threads(),
        }
        digest.update(json.dumps(about, sort_keys=True).encode())
        for array in (train.items, train.offsets, self._network.table.detach().cpu().numpy()):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]

    @classmethod
    def _code(cls) -> list[str]:
        """Return digests of the code of the class and its bases; "" where it cannot be read."""
        package = __name__.partition(".")[0]
        return [
            code_digest(model, whole=model.__module__.partition(".")[0] != package)
            for model in cls.__mro__
            if issubclass(model, NeuralRecommender)
        ]


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is no whole model ({type(error).__name__}); fit it again")
