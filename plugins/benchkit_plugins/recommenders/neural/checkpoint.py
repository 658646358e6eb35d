"""Files of a fit: what goes on after it was killed, and the finished model.

Both are safetensors with JSON beside the arrays, written whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from benchkit import DataError
from benchkit.toolkit.files import write_atomically

_FORMAT = "benchkit neural 1"


class Resumable(Protocol):
    """State that a checkpoint keeps: training, and pre-training."""

    network: Any
    variables: list[nn.Parameter]  # those of its parameters that learn
    optimizer: Any
    state: Any  # how far it has come: a dataclass of plain values with a field `epoch`
    best: dict[str, Tensor]  # weights to return to
    parts: int  # that each step is taken in
    device: torch.device
    report: Callable[[str], None]


class Checkpoint:
    """The file a fit goes on from; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def keep(self, trainer: Resumable) -> None:
        """Write everything that the epochs to come depend on."""
        if self.path is None:
            return
        arrays = {f"weights/{n}": v for n, v in trainer.network.state_dict().items()}
        arrays |= {f"best/{n}": v for n, v in trainer.best.items()}
        for place, variable in enumerate(trainer.variables):
            moments = trainer.optimizer.state.get(variable, {})
            arrays |= {f"optimizer/{place}/{n}": v for n, v in moments.items()}
        write(self.path, arrays, {"state": vars(trainer.state), "parts": trainer.parts})

    def restore(self, trainer: Resumable) -> None:
        """Put the trainer where it was; an unreadable file is ignored."""
        if self.path is None:
            return
        try:
            arrays, about = read(self.path)
        except DataError:
            return
        device = trainer.device
        trainer.network.load_state_dict(_under("weights/", arrays))
        trainer.best = {n: v.to(device) for n, v in _under("best/", arrays).items()}
        for place, variable in enumerate(trainer.variables):
            moments = _under(f"optimizer/{place}/", arrays)
            trainer.optimizer.state[variable] = {n: v.to(device) for n, v in moments.items()}
        trainer.parts = about["parts"]
        vars(trainer.state).update(about["state"])
        trainer.report(f"goes on after epoch {trainer.state.epoch}")

    def remove(self) -> None:
        """Remove the file, once the finished model is kept."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def write(path: Path, arrays: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write arrays and what JSON can say about them.

    Raises:
        StorageError: the file cannot be written.
    """
    from safetensors.torch import save

    plain = {name: value.detach().cpu().contiguous() for name, value in arrays.items()}
    write_atomically(path, save(plain, {"format": _FORMAT, "about": json.dumps(about)}))


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the arrays of a file and what it says about them.

    Raises:
        DataError: there is no such file, or it is not one of ours.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            if about.get("format") == _FORMAT:
                # Copies: the file may be replaced while its contents are in use.
                names = file.keys()
                return {n: file.get_tensor(n).clone() for n in names}, json.loads(about["about"])
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError):
        pass
    raise DataError(f"{path} is no model that benchkit kept; fit one and save it there")


def _under(prefix: str, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): v for n, v in arrays.items() if n.startswith(prefix)}


def as_tensor(values: Any) -> Tensor:
    return torch.from_numpy(values.copy())
