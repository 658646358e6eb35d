"""From positions behind one another to a padded rectangle and back, where layers need one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchkit_plugins.recommenders.neural.examples import Batch


def beside(tensor: Tensor, values: Any) -> Tensor:
    """Return an array of indices, or of flags, on the device of a tensor."""
    moved = torch.from_numpy(values).to(tensor.device)
    return moved if moved.dtype == torch.bool else moved.long()


@dataclass(frozen=True, eq=False)
class Packed:
    """A batch on its device; indices are ``int64``."""

    items: Tensor  # to read, [positions]
    distances: Tensor  # of each position from its session's end, the last 0, [positions]
    places: Tensor  # of each position in the rectangle [sessions, width], [positions]
    lengths: Tensor  # positions of each session, [sessions]
    width: int  # positions of the longest session
    where: Tensor  # positions that predict, [predictions]
    targets: Tensor  # what is right there, [predictions]

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> Packed:
        offsets = torch.from_numpy(batch.offsets).to(device)
        lengths = offsets.diff()
        width = int((batch.offsets[1:] - batch.offsets[:-1]).max())
        positions = torch.arange(len(batch.items), device=device)
        sessions = torch.repeat_interleave(lengths, output_size=len(batch.items))
        return cls(
            items=torch.from_numpy(batch.items).to(device).long(),
            distances=offsets[1:][sessions] - 1 - positions,
            places=positions - offsets[:-1][sessions] + sessions * width,
            lengths=lengths,
            width=width,
            where=torch.from_numpy(batch.where).to(device),
            targets=torch.from_numpy(batch.targets).to(device).long(),
        )

    def pad(self, x: Tensor) -> Tensor:
        """Return ``[sessions, width, d]`` of ``[positions, d]``, zeros behind each session."""
        rows = len(self.lengths) * self.width
        padded = x.new_zeros(rows, x.shape[1]).index_copy(0, self.places, x)
        return padded.view(len(self.lengths), self.width, -1)

    def unpad(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        """Return ``[positions, d]`` of ``[sessions, width, d]``, or only the positions `at`."""
        places = self.places if at is None else self.places[at]
        return x.reshape(-1, x.shape[2]).index_select(0, places)

    @property
    def predicting(self) -> Tensor | None:
        """The positions that predict, ``int64[predictions]``; None where all do."""
        return None if len(self.where) == len(self.items) else self.where

    @property
    def real(self) -> Tensor:
        """Which places hold a position, ``bool[sessions, width]``."""
        return torch.arange(self.width, device=self.lengths.device) < self.lengths[:, None]
